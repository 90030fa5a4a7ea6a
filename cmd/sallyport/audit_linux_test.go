package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/internal/wire"
)

// audited is a line of the audit log.
type audited map[string]any

// startAudited starts a server with an audit log.
func startAudited(t *testing.T, more ...string) (*process, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.log")
	return start(t, append([]string{"--audit-log", file}, more...)...), file
}

// auditOf reads an audit log in JSON.
func auditOf(t *testing.T, file string) (all []audited) {
	t.Helper()
	for _, line := range linesOf(t, file) {
		var a audited
		require.NoError(t, json.Unmarshal([]byte(line), &a), line)
		_, err := time.Parse(time.RFC3339Nano, a["time"].(string))
		require.NoError(t, err)
		all = append(all, a)
	}
	return all
}

// textPair is an attribute in the text format.
var textPair = regexp.MustCompile(`^([a-z]+)=("(?:[^"\\]|\\.)*"|[^" ]*)(?: |$)`)

// auditOfText reads an audit log in the text format. The values of a key that occurs several times become a list.
func auditOfText(t *testing.T, file string) (all []audited) {
	t.Helper()
	for _, line := range linesOf(t, file) {
		a := audited{}
		for rest := line; rest != ""; {
			m := textPair.FindStringSubmatch(rest)
			require.NotNil(t, m, "%q of %q", rest, line)
			rest = rest[len(m[0]):]
			value := m[2]
			if strings.HasPrefix(value, `"`) {
				var err error
				value, err = strconv.Unquote(value)
				require.NoError(t, err)
			}
			if m[1] == "from" {
				list, _ := a["from"].([]any)
				a["from"] = append(list, value)
				continue
			}
			require.NotContains(t, a, m[1])
			a[m[1]] = value
		}
		all = append(all, a)
	}
	return all
}

// of returns a line without what differs each time.
func (a audited) of(keys ...string) string {
	var all []string
	for _, key := range keys {
		if value, ok := a[key]; ok {
			all = append(all, fmt.Sprint(value))
		} else {
			all = append(all, "-")
		}
	}
	return strings.Join(all, " ")
}

// oddNames returns names by which a client may try to forge lines, or that formats may garble.
func oddNames() []string {
	return []string{
		"plain", "with blank", ` lead`, `trail `, `"quoted"`, `back\slash`, `like\x0aescape`, `\u2028`, `\\x41`, "tab\there", "\x1b[2Jred", "v\vf\ff",
		"caf\xe9", "\xc3", "\xe2\x80", "café", "next\u0085line", "line\u2028sep\u2029par", "turn\u202eed", "\u009b31m", "\x7f", "日本語", "\ufffd", "\ufeffbom",
		`{"event":"login"}`, "a=b event=login", "x\x01\x02", strings.Repeat("é", 120), strings.Repeat("\x1b", 250),
	}
}

// Every name that a client can give can be read back exactly from its line, in both formats.
func TestAuditOfOddNames(t *testing.T) {
	for name, read := range map[string]func(*testing.T, string) []audited{formatJSON: auditOf, formatText: auditOfText} {
		t.Run(name, func(t *testing.T) {
			p, file := startAudited(t, "--audit-format", name)
			c := p.login(t, "explicit")
			for i, name := range oddNames() {
				require.NoError(t, c.Put("STOR "+name, "12345"), "%q", name)
				_, err := c.Cmd(350, "RNFR "+name)
				require.NoError(t, err)
				to := name
				if len(to) < 200 {
					to = "to " + name
				} else {
					to = to[:len(to)-2] + "to"
				}
				_, err = c.Cmd(250, "RNTO "+to)
				require.NoError(t, err)
				all := read(t, file)
				require.Len(t, all, 1+2*(i+1)) // one of them is the login's
				stored, moved := all[len(all)-2], all[len(all)-1]
				require.Equal(t, "STOR 226 5 true", stored.of("event", "code", "bytes", "committed"))
				require.Equal(t, "/"+name, wire.Original(stored["path"].(string)))
				require.Equal(t, "RNTO 250", moved.of("event", "code"))
				require.Equal(t, "/"+to, wire.Original(moved["path"].(string)))
				require.Equal(t, "/"+name, wire.Original(moved["from"].([]any)[0].(string)))
				require.Equal(t, "RNTO "+to, wire.Original(moved["line"].(string)))
			}
			deep := strings.TrimSuffix(strings.Repeat(strings.Repeat("\x02", 200)+"/", 19), "/")
			_, err := c.Cmd(550, "DELE "+deep)
			require.NoError(t, err)
			all := read(t, file)
			require.Equal(t, "/"+deep, wire.Original(all[len(all)-1]["path"].(string)))
		})
	}
}

// Every login, logout and file operation has a line, refused ones included; commands that only look around have none.
func TestAudit(t *testing.T) {
	p, file := startAudited(t)
	user := p.fact(t, "user")
	_, err := ftpclient.Dial(p.fact(t, "explicit FTPS"), false, p.clientTLS(t), "mallory\u2028x", "wrong")
	require.ErrorContains(t, err, "530")
	c := p.login(t, "implicit")
	got, err := c.Get("RETR hello.txt")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
	cmd := func(code int, line string) {
		t.Helper()
		_, err := c.Cmd(code, line)
		require.NoError(t, err, line)
	}
	cmd(350, "REST 2")
	_, err = c.Get("RETR hello.txt")
	require.NoError(t, err)
	require.ErrorContains(t, func() error { _, err := c.Get("RETR gone"); return err }(), "550")
	require.NoError(t, c.Put("APPE sum", "123"))
	cmd(257, "MKD sub")
	cmd(250, "CWD sub")
	require.NoError(t, c.Put("STOR up", "4567"))
	_, err = c.Get("MLSD")
	require.NoError(t, err)
	cmd(213, "SIZE up")
	cmd(213, "MDTM up")
	cmd(213, "MDTM 20200101000000 up")
	cmd(213, "MFMT 20200101000000 up")
	cmd(200, "SITE CHMOD 600 up")
	cmd(350, "SITE CPFR up")
	cmd(250, "SITE CPTO copy")
	cmd(250, "COMB ../all up copy")
	cmd(550, "DELE gone")
	cmd(250, "DELE ../all")
	require.NoError(t, c.Put("STOR left", ""))
	cmd(250, "CDUP")
	cmd(550, "RMD sub")
	data, err := c.Open("STOR cut")
	require.NoError(t, err)
	_, err = io.WriteString(data, "half")
	require.NoError(t, err)
	cmd(426, "ABOR")
	data.Close()
	_, err = c.Expect(226, 225)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	p.terminate(t)
	require.Zero(t, p.end(t))

	var seen []string
	var all []audited
	_, documented, _ := strings.Cut(documents(t)["operating.md"], "## Audit log")
	for _, a := range auditOf(t, file) {
		for key := range a {
			require.True(t, key == "time" || strings.Contains(documented, "`"+key+"`"), "docs/operating.md doesn't say what %s is", key)
		}
		if a["event"] == "connection-refused" { // refused while the test waits for the end
			continue
		}
		all = append(all, a)
		seen = append(seen, a.of("event", "code", "result", "path", "from", "offset", "bytes", "committed"))
		if a["event"] != "login" || a["result"] == "ok" {
			require.Equal(t, user, a["user"], a)
		}
		host, _, err := net.SplitHostPort(a["peer"].(string))
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1", host)
		require.NotEmpty(t, a["session"])
		if a["event"] != "logout" {
			require.Contains(t, a, "tls", a)
			require.Contains(t, a, "resumed", a)
		}
		if a["event"] != "login" {
			require.GreaterOrEqual(t, a["duration"], 0.0, a)
		} else if a["result"] == "refused" {
			require.Equal(t, "mallory\u2028x", wire.Original(a["user"].(string)))
		}
	}
	require.Equal(t, []string{
		"login 530 refused - - - - -",
		"login 230 ok - - - - -",
		"RETR 226 - /hello.txt - 0 5 -",
		"RETR 226 - /hello.txt - 2 3 -",
		"RETR 550 - /gone - - - -",
		"APPE 226 - /sum - 0 3 true",
		"MKD 257 - /sub - - - -",
		"STOR 226 - /sub/up - 0 4 true",
		seen[8],
		"MDTM 213 - /sub/up - - - -",
		"MFMT 213 - /sub/up - - - -",
		"SITE CHMOD 200 - /sub/up - - - -",
		"SITE CPTO 250 - /sub/copy [/sub/up] 0 4 true",
		"COMB 250 - /all [/sub/up /sub/copy] 0 8 true",
		"DELE 550 - /sub/gone - - - -",
		"DELE 250 - /all - - - -",
		"STOR 226 - /sub/left - 0 0 true",
		"RMD 550 - /sub - - - -",
		seen[18],
		"logout - - - - - - -",
	}, seen)
	require.Contains(t, seen[8], "MLSD 226 - /sub - 0 ")
	require.Contains(t, seen[18], "STOR 426 - /cut - 0 ")
	require.Contains(t, seen[18], " false")
	require.Equal(t, "TLS 1.3 true true true", all[7].of("tls", "resumed", "committed", "vouched"))
	require.Equal(t, "false false", all[18].of("committed", "vouched"))
	require.NotEmpty(t, all[18]["err"])
	require.GreaterOrEqual(t, all[19]["received"].(float64), 7.0)
	require.GreaterOrEqual(t, all[19]["sent"].(float64), 8.0)
}

// The line of an upload says if nothing has proved the upload's end.
func TestAuditOfUnprovenEnds(t *testing.T) {
	p, file := startAudited(t, "--insecure-plaintext")
	conn, err := net.Dial("tcp", p.fact(t, "explicit FTPS"))
	require.NoError(t, err)
	c := ftpclient.New(conn, nil)
	_, err = c.Expect(220)
	require.NoError(t, err)
	_, err = c.Cmd(331, "USER "+p.fact(t, "user"))
	require.NoError(t, err)
	_, err = c.Cmd(230, "PASS "+p.fact(t, "password"))
	require.NoError(t, err)
	require.NoError(t, c.Put("STOR up", "12345"))
	all := auditOf(t, file)
	require.Equal(t, "STOR 226 true false  false", all[1].of("event", "code", "committed", "vouched", "tls", "resumed"))
	require.NoError(t, c.Close())
}

// Every operation that a client got a reply to has its line, even if the server was then killed and the file rotated.
func TestAuditOfAKilledServer(t *testing.T) {
	p, file := startAudited(t)
	c := p.login(t, "explicit")
	require.NoError(t, c.Put("STOR one", "1"))
	require.NoError(t, os.Rename(file, file+".1"))
	require.NoError(t, c.Put("STOR two", "2"))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	require.NoError(t, c.Put("STOR three", "3"))
	require.NoError(t, p.Process.Kill())
	p.end(t)
	require.Len(t, auditOf(t, file+".1"), 2)
	all := auditOf(t, file)
	require.Equal(t, []string{"/two", "/three"}, []string{all[0].of("path"), all[1].of("path")})
}

// Refused connections have lines in the audit log, no more than the log allows of what anybody can cause.
func TestAuditOfRefusedConnections(t *testing.T) {
	p, file := startAudited(t, "--max-sessions", "1", "--control", filepath.Join(t.TempDir(), "control"))
	c := p.login(t, "explicit")
	told[banned](t, controlled{configured{p, ""}, p.Args[len(p.Args)-1]}, "ban", "127.0.0.2")
	for range 30 {
		require.True(t, p.isBanned(t, "127.0.0.2"))
	}
	for range 30 {
		conn, err := net.Dial("tcp", p.fact(t, "explicit FTPS"))
		require.NoError(t, err)
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	require.NoError(t, c.Close())
	p.terminate(t)
	require.Zero(t, p.end(t))
	refused := map[string]int{}
	for _, a := range auditOf(t, file) {
		if a["event"] == "connection-refused" {
			refused[a["err"].(string)]++
		}
	}
	require.Equal(t, 10, refused["server: too many sessions: MaxSessions is reached"], refused)
	require.Equal(t, 10, refused[errBanned.Error()], refused)
}

// Log files that can't be opened are reported at the start, with the option that names them, and so are options that
// contradict each other.
func TestLogMistakes(t *testing.T) {
	file, err := binary()
	require.NoError(t, err)
	config := configure(t, "log = \"/no/such/dir/log\"\naudit-log = \"/no/such/dir/audit.log\"\n")
	for _, args := range [][]string{{"serve", t.TempDir(), "--listen", "127.0.0.1:0", "--listen-implicit=", "--passive", testenv.FreePortSet(t, 1), "--control="}, {"config", "check", t.TempDir()}} {
		out, err := exec.CommandContext(t.Context(), file, append(args, "--config", config)...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), config+":1:1: log: ")
		require.Contains(t, string(out), config+":2:1: audit-log: ")
		require.Contains(t, string(out), "/no/such/dir")
	}
	_, err = load("serve", []string{"DIR", "--config=", "--log=x", "--log-format=journald", "--audit-log=x"}, nil)
	require.ErrorContains(t, err, "--log names a file, and --log-format journald sends the log elsewhere")
	require.ErrorContains(t, err, "--log and --audit-log name the same file")
	_, err = load("serve", []string{"DIR", "--config=", "--audit-log=journald", "--audit-format=text"}, nil)
	require.ErrorContains(t, err, "leave out --audit-format")
}

// The server's log in a file has what standard error would have, as text or JSON, and follows the file's name.
func TestLogInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	p := start(t, "--log", file, "--log-format", "json", "--log-level", "debug")
	require.NoError(t, p.login(t, "explicit").Close())
	holds := func(path, text string) func() bool {
		return func() bool { all, _ := os.ReadFile(path); return strings.Contains(string(all), text) }
	}
	require.Eventually(t, holds(file, `"msg":"disconnected"`), 10*time.Second, 10*time.Millisecond)
	require.NoError(t, os.Rename(file, file+".1"))
	c := p.login(t, "explicit")
	_, err := c.Get("RETR hello.txt")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	p.terminate(t)
	require.Zero(t, p.end(t))
	for _, line := range append(linesOf(t, file), linesOf(t, file+".1")...) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	require.True(t, holds(file, `"msg":"shutting down: `)())
	require.Regexp(t, `"duration":0\.\d+`, strings.Join(linesOf(t, file), "\n"))
	require.Empty(t, p.log.String())
}

// The audit log can go to standard error, beside the server's log.
func TestAuditOnStandardError(t *testing.T) {
	p := start(t, "--audit-log", "-", "--audit-format", "text")
	c := p.login(t, "explicit")
	require.NoError(t, c.Put("STOR a b", "12345"))
	p.wantLog(t, `path="/a b" code=226 offset=0 bytes=5 committed=true vouched=true`)
	require.NoError(t, c.Close())
	p.terminate(t)
	require.Zero(t, p.end(t))
	require.Contains(t, p.log.String(), " event=logout ")
}
