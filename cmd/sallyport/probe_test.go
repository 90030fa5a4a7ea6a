package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/probe"
)

// ask runs the command probe and returns its report and exit status.
func ask(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	var stdout bytes.Buffer
	err := run(t.Context(), append([]string{"probe", "--timeout", "30s"}, args...), &stdout, t.Output())
	var code exitStatus
	if err != nil && !errors.As(err, &code) {
		t.Fatal(err)
	}
	return stdout.String(), int(code)
}

// A good server passes, from DNS to an upload, and the report names exactly
// the ports that it has.
func TestProbe(t *testing.T) {
	p := start(t)
	ports := slices.Sorted(slices.Values(strings.Split(p.fact(t, "data ports"), ",")))
	for _, kind := range []string{"explicit", "implicit"} {
		args := []string{p.fact(t, kind+" FTPS"), "--ca", p.fact(t, "certificate"), "--user", p.fact(t, "user"),
			"--password", p.fact(t, "password"), "--write", "--requests", "20"}
		out, status := ask(t, args...)
		if status != 0 {
			t.Errorf("%s: status %d:\n%s", kind, status, out)
		}
		for _, want := range []string{string(probe.DataWorks), string(probe.UploadWorks), kind + "-works", "Ports to request", ports[0]} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in:\n%s", kind, want, out)
			}
		}
		if strings.Contains(out, "\x1b") || strings.Contains(out, p.fact(t, "password")) {
			t.Errorf("%s: colours or the password in:\n%s", kind, out)
		}
		var report probe.Report
		out, status = ask(t, append(args, "--json")...)
		if err := json.Unmarshal([]byte(out), &report); err != nil || status != 0 || !report.OK {
			t.Errorf("%s: status %d, %v:\n%s", kind, status, err, out)
		}
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files left: %v, %v", entries, err)
	}
}

// Each kind of failure has its exit status.
func TestProbeStatus(t *testing.T) {
	p := start(t)
	at, ca := p.fact(t, "explicit FTPS"), p.fact(t, "certificate")
	closed := "127.0.0.1:" + testenv.FreePortSet(t, 1)
	for _, c := range []struct {
		name   string
		status int
		want   probe.ID
		args   []string
	}{
		{"no login", 0, probe.LoginNotGiven, []string{at, "--ca", ca}},
		{"wrong password", statusFailed, probe.LoginRefused, []string{at, "--ca", ca, "--user", "demo", "--password", "wrong"}},
		{"not trusted", statusFailed, probe.CertSelfSigned, []string{at, "--user", "demo", "--password", "x"}},
		{"nobody there", statusUnreachable, probe.ControlRefused, []string{closed}},
		{"no such host", statusUnreachable, probe.DNSFailed, []string{"nobody.invalid"}},
		{"one port of two", statusFailed, probe.ControlRefused, []string{at, "--ca", ca, "--port", strings.TrimPrefix(closed, "127.0.0.1:")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, status := ask(t, c.args...)
			if status != c.status || !strings.Contains(out, string(c.want)) {
				t.Errorf("status %d, want %d and %s:\n%s", status, c.status, c.want, out)
			}
		})
	}
}

// The process exits with the status of the probe, and --trace shows the
// commands and replies.
func TestProbeBinary(t *testing.T) {
	p := start(t)
	var trace bytes.Buffer
	t.Setenv(passwordVariable, p.fact(t, "password"))
	err := run(t.Context(), []string{"probe", p.fact(t, "explicit FTPS"), "--ca", p.fact(t, "certificate"), "--user", p.fact(t, "user"), "--trace"},
		new(bytes.Buffer), &trace)
	if err != nil {
		t.Error(err)
	}
	if !strings.Contains(trace.String(), "C: PASS ****") || strings.Contains(trace.String(), p.fact(t, "password")) {
		t.Errorf("trace:\n%s", &trace)
	}
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), file, "probe", "127.0.0.1:"+testenv.FreePortSet(t, 1))
	out, _ := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != statusUnreachable || !strings.Contains(string(out), "Ports to request") {
		t.Errorf("status %d: %s", got, out)
	}
}

func TestProbeTargets(t *testing.T) {
	for _, c := range []struct {
		text, host string
		port       uint16
	}{
		{"ftp.example.com", "ftp.example.com", 0},
		{"ftp.example.com:2121", "ftp.example.com", 2121},
		{"192.0.2.1:990", "192.0.2.1", 990},
		{"2001:db8::1", "2001:db8::1", 0},
		{"[2001:db8::1]", "[2001:db8::1]", 0},
		{"[2001:db8::1]:21", "2001:db8::1", 21},
	} {
		s, err := parseProbe([]string{c.text}, os.Getenv)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if s.Host != c.host || c.port == 0 && s.Ports != nil || c.port != 0 && !slices.Equal(s.Ports, []uint16{c.port}) {
			t.Errorf("%s: host %s, ports %v", c.text, s.Host, s.Ports)
		}
	}
}

func TestProbeMistakes(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(notPEM, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"", "sallyport probe HOST"},
		{"a b", "one server can be looked at, not 2: a b"},
		{"ftps://a", "without ftp://"},
		{"a:b:c", "[IPv6]:PORT"},
		{"a:ftp", `"ftp" is no port`},
		{"a --port 0", `--port: "0" is no port`},
		{"a:1 --port 2 --port 3 --port 4 --port 5", "5 ports are given; 4 is the limit"},
		{"a --user alice", "set " + passwordVariable},
		{"a --password secret", "--password needs --user"},
		{"a --timeout 10", `"10" is no duration`},
		{"a --requests 1000", "number from 1 to 100"},
		{"a --ca nowhere.pem", "--ca: "},
		{"a --ca " + notPEM, "no certificate in PEM form"},
	} {
		_, err := parseProbe(strings.Fields(c.args), func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want ... %s ...", c.args, err, c.want)
		}
		if !errors.As(err, new(*usageError)) {
			t.Errorf("%q: %T is no usage error", c.args, err)
		}
	}
}

// A probe takes no longer than it may, and reports a server that is silent as
// such.
func TestProbeTimeout(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	begin := time.Now()
	out, status := ask(t, ln.Addr().String(), "--timeout", "200ms")
	if status != statusFailed || !strings.Contains(out, string(probe.GreetingNone)) || time.Since(begin) > 20*time.Second {
		t.Errorf("status %d after %v:\n%s", status, time.Since(begin), out)
	}
}
