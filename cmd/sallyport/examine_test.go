package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// wrongInMany returns a configuration with a mistake of each kind, of the text and of what the text names, and what is
// told of each.
func wrongInMany(t *testing.T, more string) (text string, want []string) {
	t.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	require.NoError(t, os.WriteFile(garbage, []byte("garbage"), 0o600))
	q := func(path string) string { return "'" + path + "'" }
	for _, line := range [][2]string{
		{"listen = " + q(taken.Addr().String()), "listen: listen tcp " + taken.Addr().String()},
		{`listen-implicit = ""`, ""},
		{`passive = "` + testenv.FreePortSet(t, 1) + `"`, ""},
		{"cert = " + q(garbage), "cert: tls: "},
		{"key = " + q(garbage), ""},
		{"client-ca = " + q(garbage), "client-ca: " + garbage + " holds no certificate"},
		{`dir = "/no/dir"`, "dir: "},
		{`users-file = "/no/users"`, "users-file: open /no/users: "},
		{`control-group = "nosuchgroup"`, `control-group: there is no group "nosuchgroup"`},
		{`control = "/no/where/control.sock"`, "control: "},
		{`state-dir = "/no/where/state"`, "state-dir: "},
		{`log = "/no/where/log"`, "log: "},
		{`audit-log = "/no/where/audit"`, "audit-log: "},
		{`auth-program = ["/no/program"]`, "auth-program: "},
		{`auth-program-user = "nosuchuser"`, "auth-program-user: there is no user"},
		{`check-program = ["/no/check"]`, "check-program: "},
		{`check-program-user = "nosuchuser"`, "check-program-user: there is no user"},
		{"greeting = \"a\u202eb\"", `greeting: "a\u202eb" has characters that nobody can see`},
		{`uploads = "inplce"`, "uploads: "},
	} {
		text += line[0] + "\n"
		if n := strings.Count(text, "\n"); line[1] != "" {
			want = append(want, "sallyport.toml:"+string(rune('0'+n/10))+string(rune('0'+n%10))+":1: "+line[1])
		}
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "toml:0", "toml:", 1)
	}
	return text + more, want
}

// wantAll checks that each mistake is told with its place and a cure, and that nothing else is.
func wantAll(t *testing.T, told string, want []string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(told) {
		if strings.Contains(line, "sallyport.toml:") {
			lines = append(lines, line)
		}
	}
	for _, w := range want {
		found := ""
		for _, line := range lines {
			if strings.Contains(line, w) {
				found += line
			}
		}
		require.Equal(t, 1, strings.Count(found, "\n"), "%s, in\n%s", w, told)
		require.Regexp(t, `;|want`, found, "a cure")
	}
	require.Len(t, lines, len(want), told)
}

// Mistakes of every kind are told by serve and config check at once.
func TestAllMistakesAtOnce(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("the paths are those of Unix")
	}
	unset(t, "SALLYPORT_CONTROL", "SALLYPORT_STATE_DIR")
	text, want := wrongInMany(t, alice)
	file := configure(t, text)
	var out bytes.Buffer
	err := run(t.Context(), []string{"config", "check", "--config", file}, &out, t.Output())
	require.Error(t, err)
	wantAll(t, complaint(err), want)

	program, err := binary()
	require.NoError(t, err)
	all, err := exec.CommandContext(t.Context(), program, "serve", "--config", file).CombinedOutput()
	require.Error(t, err)
	wantAll(t, string(all), want)
}

// unset removes variables from the environment until the test ends.
func unset(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
}

// What follows from a value that could not be read is not told besides.
func TestMistakesThatFollow(t *testing.T) {
	for text, want := range map[string][]string{
		"log-format = 5":            {"sallyport.toml:1:1: log-format: want a text in quotes, not 5"},
		"dir = 5":                   {"sallyport.toml:1:1: dir: want a text in quotes, not 5"},
		"cert = 5\nkey = \"k.pem\"": {"sallyport.toml:1:1: cert: want a text in quotes, not 5"},
		"[user.y]\npassword = 5\nhome = \"/srv\"":    {"sallyport.toml:2:1: user.y.password: want a text in quotes, not 5"},
		"[user.y]\npasword = \"5\"\nhome = \"/srv\"": {"sallyport.toml:2:1: user.y.pasword: this is not known; did you mean password?"},
		"[user.y]\nhome = \"/srv\"\nx = \npassword":  {"sallyport.toml:3:5: "},
		"home = \"/srv/{usr}\"\n" + alice:            {"sallyport.toml:1:1: home: {usr} in \"/srv/{usr}\" stands for nothing; want {user}"},
		"control = \"\"\ncontrol-group = \"x\"":      {"sallyport.toml:2:1: control-group says who may use the control socket, and there is none"},
		"[user.y]\nhome = \"x\"":                     {"sallyport.toml:1:1: dir: the directory to serve is missing", "user.y.password: it is missing"},
	} {
		args := []string{"DIR"}
		if strings.Contains(text, "dir") || strings.Contains(text, "\"x\"") && strings.Contains(text, "home") {
			args = nil
		}
		got := complaints(t, configure(t, text), args, nil)
		require.Equal(t, len(want), strings.Count(got+"\n", "\n"), "%s\n%s", text, got)
		for _, w := range want {
			require.Contains(t, got, w)
		}
	}
}

// A port that a program has opened can't be bound, and binding leaves none open.
func TestBind(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0", "0.0.0.0:0", "[::]:0", "localhost:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil && strings.Contains(address, "::") {
			continue // this machine has no IPv6
		}
		require.NoError(t, err)
		defer ln.Close()
		_, port, err := net.SplitHostPort(ln.Addr().String())
		require.NoError(t, err)
		at := strings.TrimSuffix(address, "0") + port
		require.Error(t, bind(t.Context(), "tcp", at))
		require.NoError(t, ln.Close())
		require.NoError(t, bind(t.Context(), "tcp", at))
		_, err = net.Dial("tcp", at)
		require.Error(t, err)
	}
	require.Error(t, bind(context.Background(), "tcp", "192.0.2.1:0"))
}

// A variable with several values is shown as a list of them.
func TestConfigShowsListsOfVariables(t *testing.T) {
	t.Setenv("SALLYPORT_DISABLE", "CWD,STOR")
	require.Contains(t, output(t, "config", "show", t.TempDir(), "--config="), `disable = ["CWD", "STOR"]`)
}

// A check beside a server tells a port of that server from one of another program.
func TestConfigCheckBesideTheServer(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("there are no control sockets on Windows")
	}
	unset(t, "SALLYPORT_CONTROL")
	control := filepath.Join(t.TempDir(), "c.sock")
	file := configure(t, "control = '"+control+"'\n"+alice)
	p := startWith(t, func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--config", file) })
	args := []string{"config", "check", t.TempDir(), "--config", file, "--listen-implicit=", "--listen", p.fact(t, "explicit FTPS"), "--passive", testenv.FreePortSet(t, 1)}
	require.NotContains(t, output(t, args...), "in use")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	args[7] = taken.Addr().String()
	err = run(t.Context(), args, new(bytes.Buffer), t.Output())
	require.ErrorContains(t, err, "--listen: listen tcp "+taken.Addr().String())
}
