package main

import (
	"bufio"
	stdtls "crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// tested is a running "sallyport test".
type tested struct {
	*process
	facts
	tmp    string // where the server makes files
	stdin  io.WriteCloser
	stdout *bufio.Reader
	output *os.File // the file that stdout reads
}

// startTest starts "sallyport test" and reads the facts that it prints.
func startTest(t *testing.T, args ...string) *tested {
	t.Helper()
	file, err := binary()
	require.NoError(t, err)
	p := &tested{process: &process{ended: make(chan error, 1)}, tmp: t.TempDir()}
	p.Cmd = exec.Command(file, append([]string{"test"}, args...)...)
	p.Env = append(os.Environ(), "TMPDIR="+p.tmp, "TMP="+p.tmp, "TEMP="+p.tmp)
	p.Stderr = t.Output()
	p.stdin, err = p.StdinPipe()
	require.NoError(t, err)
	// Doesn't use StdoutPipe, which Wait would close while something is left to read.
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p.Stdout, p.stdout, p.output = w, bufio.NewReader(r), r
	err = p.Start()
	w.Close()
	require.NoError(t, err)
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() {
		r.Close()
		p.Process.Kill()
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			t.Error("the process does not end")
		}
	})
	p.read(t, &p.facts)
	return p
}

// read reads a line of JSON.
func (p *tested) read(t *testing.T, v any) {
	t.Helper()
	line, err := p.stdout.ReadBytes('\n')
	require.NoError(t, err)
	d := json.NewDecoder(strings.NewReader(string(line)))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(v), "%s", line)
}

// order writes a line to the server and returns the error in the answer.
func (p *tested) order(t *testing.T, line string) string {
	t.Helper()
	_, err := io.WriteString(p.stdin, line+"\n")
	require.NoError(t, err)
	var a struct {
		OK    bool
		Error string
	}
	p.read(t, &a)
	require.Equal(t, a.Error == "", a.OK)
	return a.Error
}

// trust returns a client configuration that trusts the server.
func (p *tested) trust() *stdtls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(p.CA))
	return &stdtls.Config{RootCAs: roots, ServerName: p.Host, ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
}

func (p *tested) addr(port int) string { return net.JoinHostPort(p.Host, strconv.Itoa(port)) }

// login logs in to the explicit endpoint.
func (p *tested) login(t *testing.T) *ftpclient.Client {
	t.Helper()
	c, err := ftpclient.Dial(p.addr(p.Port), false, p.trust(), p.User, p.Password)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// wantGone checks that the server has ended without an error and left nothing.
func (p *tested) wantGone(t *testing.T) {
	t.Helper()
	require.Zero(t, p.end(t))
	left, err := os.ReadDir(p.tmp)
	require.NoError(t, err)
	require.Empty(t, left, "files are left behind")
	_, err = p.stdout.ReadByte()
	require.ErrorIs(t, err, io.EOF, "more was printed")
}

func TestEndpoint(t *testing.T) {
	p := startTest(t)
	require.Equal(t, "test", p.User)
	require.Equal(t, p.Process.Pid, p.PID)
	require.Equal(t, "ftp://test:secret@"+p.addr(p.Port)+"/", p.URL)
	require.Equal(t, "ftps://test:secret@"+p.addr(p.ImplicitPort)+"/", p.ImplicitURL)
	ca, err := os.ReadFile(p.CAFile)
	require.NoError(t, err)
	require.Equal(t, p.CA, string(ca))

	for name, port := range map[string]int{"explicit": p.Port, "implicit": p.ImplicitPort} {
		c, err := ftpclient.Dial(p.addr(port), name == "implicit", p.trust(), p.User, p.Password)
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.Put("STOR "+name, "from a client"))
		got, err := os.ReadFile(filepath.Join(p.Root, name))
		require.NoError(t, err)
		require.Equal(t, "from a client", string(got))
		require.NoError(t, os.WriteFile(filepath.Join(p.Root, "seen"), []byte("from a test"), 0o644))
		text, err := c.Get("RETR seen")
		require.NoError(t, err)
		require.Equal(t, "from a test", text)
	}
	require.NoError(t, p.stdin.Close())
	p.wantGone(t)
}

func TestEndpointOptions(t *testing.T) {
	root, seed, ca := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(filepath.Join(seed, "in.csv"), []byte("1;2"), 0o644))
	p := startTest(t, "--root", root, "--seed", seed, "--user", "alice:a", "--user", "bob:b:c", "--host", "ftp.example",
		"--passive", testenv.FreePortSet(t, 1), "--announce", "192.0.2.7", "--insecure-plaintext", "--trace", "--ca-file", ca)
	require.Equal(t, []string{root, "alice", "a", ca}, []string{p.Root, p.User, p.Password, p.CAFile})
	got, err := os.ReadFile(ca)
	require.NoError(t, err)
	require.Equal(t, p.CA, string(got))
	config := p.trust()
	config.ServerName = "ftp.example"
	c, err := ftpclient.Dial(p.addr(p.Port), false, config, "bob", "b:c")
	require.NoError(t, err)
	defer c.Close()
	text, err := c.Get("RETR in.csv")
	require.NoError(t, err)
	require.Equal(t, "1;2", text)
	r, err := c.Cmd(227, "PASV")
	require.NoError(t, err)
	require.Contains(t, r.Text(), "(192,0,2,7,")
	require.NoError(t, p.stdin.Close())
	p.wantGone(t)
	_, err = os.Stat(filepath.Join(root, "in.csv"))
	require.NoError(t, err, "what was in the given directory is gone")
	_, err = os.Stat(ca)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestEndpointInMemory(t *testing.T) {
	p := startTest(t, "--memory", "--data-ports", "1")
	require.Empty(t, p.Root)
	c := p.login(t)
	require.NoError(t, c.Put("STOR a", "1"))
	got, err := c.Get("RETR a")
	require.NoError(t, err)
	require.Equal(t, "1", got)
}

func TestEndpointEverywhere(t *testing.T) {
	p := startTest(t, "--listen", ":0")
	require.Equal(t, "localhost", p.Host)
	require.NoError(t, p.login(t).Put("STOR a", "1"))
}

// ignored says which signals this process was started to ignore, as under nohup: processes that it starts ignore them,
// too. It is set at the start, since signal.Ignored no longer tells after signal.Notify.
var ignored = map[os.Signal]bool{
	syscall.SIGTERM: signal.Ignored(syscall.SIGTERM),
	os.Interrupt:    signal.Ignored(os.Interrupt),
	syscall.SIGHUP:  signal.Ignored(syscall.SIGHUP),
}

func TestEndpointEndsBySignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		if ignored[sig] {
			t.Logf("%v is ignored here", sig)
			continue
		}
		p := startTest(t)
		c := p.login(t)
		_, err := c.Open("STOR a")
		require.NoError(t, err)
		require.NoError(t, p.Process.Signal(sig))
		p.wantGone(t)
	}
}

// The server goes on when nobody reads its output any more.
func TestEndpointPrintsForNobody(t *testing.T) {
	p := startTest(t)
	require.NoError(t, p.output.Close())
	_, err := io.WriteString(p.stdin, "reply:to=NOOP,code=450\n")
	require.NoError(t, err)
	require.NoError(t, p.stdin.Close())
	require.Zero(t, p.end(t))
	left, err := os.ReadDir(p.tmp)
	require.NoError(t, err)
	require.Empty(t, left, "files are left behind")
}

// With --stay the server outlives the end of standard input, and its parent.
func TestEndpointStays(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	p := startTest(t, "--stay")
	require.Empty(t, p.order(t, "reuse"))
	require.NoError(t, p.stdin.Close())
	p.login(t)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.wantGone(t)
}

// A shell gives /dev/null to background programs, and is killed. The server goes on at the end of /dev/null, and ends
// with the shell.
func TestEndpointEndsWithParent(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell, and no sign of a parent's death but standard input")
	}
	sh := testenv.NeedBinary(t, "sh")
	file, err := binary()
	require.NoError(t, err)
	tmp := t.TempDir()
	cmd := exec.Command(sh, "-c", `"$0" test </dev/null & wait`, file)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Stderr = t.Output()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd.Stdout = w
	err = cmd.Start()
	w.Close()
	require.NoError(t, err)
	p := &tested{stdout: bufio.NewReader(r)}
	p.read(t, &p.facts)
	p.login(t)
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	// Reads until the server, which alone has the other end, has ended.
	_, err = p.stdout.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(tmp)
		return err == nil && len(left) == 0
	}, 10*time.Second, 10*time.Millisecond, "files are left behind")
}

func TestEndpointMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--fault cutt", `unknown fault "cutt"; there are cut, no-notify`},
		{"--fault cut:how=slowly", "--fault: fault cut: how=slowly: want fin, rst, clean"},
		{"--user alice", "want NAME:PASSWORD"},
		{"--user a:1 --user a:2", `"a" is there twice`},
		{"--listen 2121", `"2121" is no address to listen on`},
		{"--ipv6 --listen :0", "--ipv6 and --listen exclude each other"},
		{"--memory --root .", "--memory and --root exclude each other"},
		{"--data-ports 2 --passive 21000", "--data-ports and --passive exclude each other"},
		{"--data-ports none", `"none" is no number from 1 up`},
		{"--passive 21010-21000", "write 21000-21010"},
		{"--announce 300.1.1.1", "four numbers from 0 to 255"},
		{"--seed no/such/dir", "--seed: open no/such/dir"},
		{"--log-level loud", "want debug, info, warn or error"},
		{"--port 21", "unknown option --port"},
	} {
		_, err := parseTest(strings.Fields(c.args))
		require.ErrorContains(t, err, c.want, c.args)
		require.ErrorAs(t, err, new(*usageError))
	}
}

// What can't be opened is reported, and what was opened is removed.
func TestEndpointFails(t *testing.T) {
	tmp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, tmp)
	}
	for _, args := range []string{"--listen 192.0.2.77:0", "--root no/such/dir", "--passive 1-2 --listen 192.0.2.77:0", "-- no-such-command"} {
		err := runTest(t.Context(), strings.Fields(args), os.Stdin, t.Output(), t.Output())
		require.Error(t, err, args)
		require.False(t, strings.Contains(err.Error(), "\n"), "%q", err)
		left, err := os.ReadDir(tmp)
		require.NoError(t, err)
		require.Empty(t, left, args)
	}
}
