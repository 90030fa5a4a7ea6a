package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata anew")

func sample() *Report {
	r := &run{Probe: Probe{Host: "ftp.example.com"}, addrs: []netip.Addr{there}, addr: there, ctx: context.Background()}
	r.report = &Report{Host: r.Host, Started: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)}
	r.fact(21, "greeting", "220 ready")
	r.find(21, ExplicitWorks, "TLS 1.3")
	r.find(21, PasvPrivate, "227 Passive (10,0,0,5,82,8)")
	r.find(21, ReuseRequired, "without resuming: 522 Session reuse required.")
	r.modes.ports = []uint16{21007, 21000, 21003}
	return r.finish()
}

// TestText compares both forms of a report with files, so that field names and layout don't change by
// accident.
func TestText(t *testing.T) {
	report := sample()
	var text, data bytes.Buffer
	require.NoError(t, report.WriteText(&text, nil))
	require.NoError(t, report.WriteJSON(&data))
	for name, got := range map[string]string{"report.txt": text.String(), "report.json": data.String()} {
		path := "testdata/" + name
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
	}
	var back Report
	require.NoError(t, json.Unmarshal(data.Bytes(), &back))
	require.Equal(t, *report, back)
}

// TestTheme checks that a theme colours the text and loses none of it.
func TestTheme(t *testing.T) {
	report := sample()
	styles := make(map[string]bool)
	var painted bytes.Buffer
	require.NoError(t, report.WriteText(&painted, func(style, text string) string {
		styles[style] = true
		require.NotContains(t, text, "\n")
		return "\x1b[1m" + text + "\x1b[0m"
	}))
	plain := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(painted.String())
	require.Equal(t, report.String(), plain)
	for _, style := range []string{"fail", "warn", "ok", "title", "dim"} {
		require.True(t, styles[style], style)
	}
}

// TestHostileText checks that control characters of a server reach no terminal, whichever reply they are
// in.
func TestHostileText(t *testing.T) {
	report, _ := perform(t, func(s *stage) {
		s.probe.Host = "ftp.example.com\x1b]0;x\a"
		s.probe.ServerName = "ftp.example.com"
		s.probe.AllowWrite = true
		s.fake.greeting = "220-\x1b[2J\u202ehidden\n220 \x07" + strings.Repeat("x", 3000)
		s.fake.reply = func(_ *fakeSession, verb, _ string) string {
			switch verb {
			case "FEAT":
				return "211-Features\n \x1b[31mAUTH TLS\n211 End"
			case "DELE":
				return "550 \x9b31m\x1b[0m"
			}
			return ""
		}
	})
	data, err := json.Marshal(report)
	require.NoError(t, err)
	require.NotContains(t, string(data), `\u001b`)
	for _, c := range report.String() {
		require.True(t, c == '\n' || unicode.IsPrint(c), "%q", c)
	}
	require.Less(t, len(report.String()), 20_000)
}

func TestRequest(t *testing.T) {
	require.Equal(t, "21000-21010", Request{DataLow: 21000, DataHigh: 21010}.Data())
	require.Equal(t, "21000", Request{DataLow: 21000, DataHigh: 21000}.Data())
	require.Empty(t, Request{}.Data())
	require.Contains(t, Request{Control: []uint16{21, 990}}.String(), "TCP 21, 990 (control)")
}
