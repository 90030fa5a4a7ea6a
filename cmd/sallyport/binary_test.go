package main

import (
	"bufio"
	stdtls "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// binary builds the command sallyport once.
var binary = sync.OnceValues(func() (string, error) {
	file := filepath.Join(buildDir, "sallyport")
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", file, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return file, nil
})

var buildDir string

func TestMain(m *testing.M) {
	os.Setenv("SALLYPORT_CONFIG", "") // ignores the configuration file of a server on this host
	os.Setenv("SALLYPORT_CONTROL", "")
	os.Setenv("SALLYPORT_STATE_DIR", "")
	var err error
	if buildDir, err = os.MkdirTemp("", "sallyport-test-"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(status)
}

// process is a running sallyport.
type process struct {
	*exec.Cmd
	banner string
	dir    string
	log    testenv.Buffer // what the process has written to stderr
	ended  chan error     // gets the result of Wait
}

// start runs "serve DIR" on free ports and waits for its banner.
func start(t *testing.T, more ...string) *process {
	t.Helper()
	return startWith(t, func(*exec.Cmd) {}, more...)
}

// startWith is start with a command that configure changes first.
func startWith(t testing.TB, configure func(*exec.Cmd), more ...string) *process {
	t.Helper()
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{dir: t.TempDir(), ended: make(chan error, 1)}
	if err := os.WriteFile(filepath.Join(p.dir, "hello.txt"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"serve", p.dir, "--listen", "127.0.0.1:0", "--listen-implicit", "127.0.0.1:0", "--passive", testenv.FreePortSet(t, 3)}, more...)
	p.Cmd = exec.Command(file, args...)
	tmp := t.TempDir() // where a process that is killed leaves its certificate
	p.Env = append(os.Environ(), "TMPDIR="+tmp, "TMP="+tmp, "TEMP="+tmp)
	p.Stderr = io.MultiWriter(t.Output(), &p.log)
	configure(p.Cmd)
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		p.banner += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			break
		}
	}
	go func() {
		io.Copy(io.Discard, stdout)
		p.ended <- p.Wait()
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			t.Error("the process does not end")
		}
	})
	if !strings.Contains(p.banner, "  user") {
		t.Fatalf("banner:\n%s", p.banner)
	}
	return p
}

// fact returns the text behind a name in the banner.
func (p *process) fact(t testing.TB, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^  ` + name + ` +(\S+)`).FindStringSubmatch(p.banner)
	if m == nil {
		t.Fatalf("the banner doesn't name the %s:\n%s", name, p.banner)
	}
	return m[1]
}

// clientTLS returns a configuration that trusts the process's certificate.
func (p *process) clientTLS(t testing.TB) *stdtls.Config {
	t.Helper()
	pem, err := os.ReadFile(p.fact(t, "certificate"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &stdtls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
}

func (p *process) login(t *testing.T, kind string) *ftpclient.Client {
	t.Helper()
	c, err := ftpclient.Dial(p.fact(t, kind+" FTPS"), kind == "implicit", p.clientTLS(t), p.fact(t, "user"), p.fact(t, "password"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// end waits for the process to end and returns its exit status.
func (p *process) end(t *testing.T) int {
	t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err // for the cleanup
		var status *exec.ExitError
		if err != nil && !errors.As(err, &status) {
			t.Fatal(err)
		}
		return p.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatal("the process does not end")
		return -1
	}
}

func TestServes(t *testing.T) {
	p := start(t)
	for _, kind := range []string{"explicit", "implicit"} {
		c := p.login(t, kind)
		if got, err := c.Get("NLST"); err != nil || !strings.Contains(got, "hello.txt\r\n") {
			t.Errorf("%s: listing %q, %v", kind, got, err)
		}
		if got, err := c.Get("RETR hello.txt"); err != nil || got != "hello" {
			t.Errorf("%s: download %q, %v", kind, got, err)
		}
		if err := c.Put("STOR "+kind, "data"); err != nil {
			t.Errorf("%s: upload: %v", kind, err)
		}
		if got, err := os.ReadFile(filepath.Join(p.dir, kind)); err != nil || string(got) != "data" {
			t.Errorf("%s: stored %q, %v", kind, got, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// With --require-close-notify an upload that ends by FIN alone is refused. An
// upload with close_notify is stored.
func TestRequireCloseNotify(t *testing.T) {
	p := start(t, "--require-close-notify")
	c := p.login(t, "explicit")
	data, err := c.Open("STOR hello.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(data, "half"); err != nil {
		t.Fatal(err)
	}
	data.(*stdtls.Conn).NetConn().Close()
	if err := c.Done(); err == nil || !strings.Contains(err.Error(), "426") {
		t.Errorf("the reply is no 426: %v", err)
	}
	for _, want := range []string{"hello", "whole"} {
		if got, err := os.ReadFile(filepath.Join(p.dir, "hello.txt")); err != nil || string(got) != want {
			t.Errorf("stored %q, %v; want %q", got, err, want)
		}
		if err := c.Put("STOR hello.txt", "whole"); err != nil {
			t.Error(err)
		}
	}
}

// The banner names the ports that firewalls must let through, and no others.
func TestBannerNamesThePorts(t *testing.T) {
	p := start(t)
	_, explicit, _ := net.SplitHostPort(p.fact(t, "explicit FTPS"))
	_, implicit, _ := net.SplitHostPort(p.fact(t, "implicit FTPS"))
	want := fmt.Sprintf("inbound   to ports %s, %s and %s\n", explicit, implicit, p.fact(t, "data ports"))
	if !strings.Contains(p.banner, want) {
		t.Errorf("no %q in:\n%s", want, p.banner)
	}
}

// The commands in the banner work as printed.
func TestPrintedCommandsWork(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell")
	}
	p := start(t)
	tried := 0
	for _, line := range strings.Split(p.banner, "\n") {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "curl" && name != "lftp" {
			continue
		}
		tried++
		t.Run(fmt.Sprintf("%s %d", name, tried), func(t *testing.T) {
			testenv.NeedBinary(t, name)
			out, err := exec.CommandContext(t.Context(), "sh", "-c", line).Output()
			if err != nil || !strings.Contains(string(out), "hello.txt") {
				t.Errorf("%s\n%v: %s", line, err, out)
			}
		})
	}
	if tried != 3 {
		t.Errorf("%d commands in:\n%s", tried, p.banner)
	}
}

func TestExitStatus(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
	}{
		{[]string{"help"}, 0},
		{[]string{"version"}, 0},
		{nil, statusUsage},
		{[]string{"serve"}, statusUsage},
		{[]string{"status", "--control", filepath.Join(t.TempDir(), "missing")}, statusUnreachable},
		{[]string{"kick"}, statusUsage},
		{[]string{"serve", "x", "--uploads", "y"}, statusUsage},
		{[]string{"serve", filepath.Join(t.TempDir(), "missing"), "--listen", "127.0.0.1:0", "--listen-implicit", "", "--passive", "any"}, statusFailed},
	} {
		cmd := exec.CommandContext(t.Context(), file, c.args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("%q: status %d, want %d: %s", c.args, got, c.status, out)
		}
	}
}

// A data port that is in use is reported at the start.
func TestTakenDataPort(t *testing.T) {
	file, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
	cmd := exec.CommandContext(t.Context(), file, "serve", t.TempDir(), "--listen", "127.0.0.1:0", "--listen-implicit", "", "--passive", port)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != statusFailed || !strings.Contains(string(out), port) || !strings.Contains(string(out), "in use") {
		t.Errorf("status %d: %s", cmd.ProcessState.ExitCode(), out)
	}
}

// upload begins an upload and sends half of it.
func (p *process) upload(t *testing.T) (*ftpclient.Client, net.Conn) {
	t.Helper()
	c := p.login(t, "explicit")
	data, err := c.Open("STOR upload")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(data, "first half, "); err != nil {
		t.Fatal(err)
	}
	return c, data
}

// terminate sends SIGTERM, and waits until no connections are accepted any more.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", p.fact(t, "explicit FTPS"))
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("connections are accepted after SIGTERM")
		}
	}
}

func TestSignalDrains(t *testing.T) {
	p := start(t)
	c, data := p.upload(t)
	p.terminate(t)
	if _, err := io.WriteString(data, "second half"); err != nil {
		t.Fatal(err)
	}
	if err := data.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Done(); err != nil {
		t.Error(err)
	}
	if status := p.end(t); status != 0 {
		t.Errorf("status %d", status)
	}
	if got, err := os.ReadFile(filepath.Join(p.dir, "upload")); err != nil || string(got) != "first half, second half" {
		t.Errorf("stored %q, %v", got, err)
	}
	if _, err := os.Stat(p.fact(t, "certificate")); err == nil {
		t.Error("the certificate is still there")
	}
}

// Connections that never become sessions don't make an end disorderly.
func TestDrainEndsBesideTheSilent(t *testing.T) {
	p := start(t, "--drain", "6s")
	for _, kind := range []string{"explicit", "implicit"} {
		conn, err := net.Dial("tcp", p.fact(t, kind+" FTPS"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	p.terminate(t)
	if status := p.end(t); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestSecondSignalCuts(t *testing.T) {
	p := start(t)
	_, data := p.upload(t)
	defer data.Close()
	p.terminate(t)
	time.Sleep(oneEnding) // waits until another signal counts as a second one
	for deadline := time.Now().Add(10 * time.Second); len(p.ended) == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		p.Process.Signal(syscall.SIGTERM) // fails if the process has ended
	}
	p.wantCut(t)
}

func TestDrainIsBounded(t *testing.T) {
	p := start(t, "--drain", "300ms")
	_, data := p.upload(t)
	defer data.Close()
	p.terminate(t)
	p.wantCut(t)
}

// wantCut checks that the process has failed and that the upload has left
// nothing.
func (p *process) wantCut(t *testing.T) {
	t.Helper()
	if status := p.end(t); status != statusFailed {
		t.Errorf("status %d", status)
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("files left: %v, %v", entries, err)
	}
}
