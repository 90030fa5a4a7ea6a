package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdtls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	numbers "math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// configured is a server with a configuration file.
type configured struct {
	*process
	file string
}

// startConfigured starts a server for alice, whose password is secret. text is added to the configuration file.
func startConfigured(t *testing.T, text string) configured {
	t.Helper()
	file := configure(t, text)
	return configured{startWith(t, func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--config", file) }), file}
}

// rewrite changes the configuration file and has it read again.
func (c configured) rewrite(t *testing.T, text, log string) {
	t.Helper()
	require.NoError(t, os.WriteFile(c.file, []byte(text), 0o600))
	c.hangUp(t, log)
}

// hangUp sends SIGHUP and waits until the log has a text.
func (c configured) hangUp(t *testing.T, log string) {
	t.Helper()
	before := len(c.log.String())
	require.NoError(t, c.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(c.log.String()[before:], log) }, 10*time.Second, 10*time.Millisecond, log)
}

// dial logs in.
func (c configured) dial(t testing.TB, user string) (*ftpclient.Client, error) {
	t.Helper()
	client, err := ftpclient.Dial(c.fact(t, "explicit FTPS"), false, c.clientTLS(t), user, "secret")
	if err == nil {
		t.Cleanup(func() { client.Close() })
	}
	return client, err
}

const reread = "the configuration was read again"

// New logins and connections follow the changed file; an open session and its transfer go on as they are.
func TestReload(t *testing.T) {
	homes := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(homes, "bob"), 0o755))
	p := startConfigured(t, alice)
	old, err := p.dial(t, "alice")
	require.NoError(t, err)
	data, err := old.Open("STOR upload")
	require.NoError(t, err)
	_, err = io.WriteString(data, "first half, ")
	require.NoError(t, err)

	bob := strings.ReplaceAll(alice, "alice", "bob")
	p.rewrite(t, fmt.Sprintf("greeting = \"Hello\"\ndisable = [\"DELE\"]\npassive = \"1024\"\nannounce = \"192.0.2.77\"\n%shome = %q\n", bob, homes+"/{user}"), reread)
	_, err = io.WriteString(data, "second half")
	require.NoError(t, err)
	require.NoError(t, data.Close())
	require.NoError(t, old.Done())
	got, err := old.Get("RETR upload")
	require.NoError(t, err)
	require.Equal(t, "first half, second half", got)
	_, err = old.Cmd(250, "DELE upload")
	require.NoError(t, err)

	_, err = p.dial(t, "alice")
	require.ErrorContains(t, err, "530")
	new, err := p.dial(t, "bob")
	require.NoError(t, err)
	require.NoError(t, new.Put("STOR hers", "x"))
	require.FileExists(t, filepath.Join(homes, "bob", "hers"))
	_, err = new.Cmd(502, "DELE hers")
	require.NoError(t, err)
	reply, err := new.Cmd(227, "PASV")
	require.NoError(t, err)
	require.Contains(t, reply.Text(), "192,0,2,77")
	p.rewrite(t, alice, reread)
	_, err = p.dial(t, "alice")
	require.NoError(t, err)
	reply, err = new.Cmd(227, "PASV")
	require.NoError(t, err)
	require.Contains(t, reply.Text(), "127,0,0,1")
}

// A wrong file changes nothing, and all its mistakes are logged.
func TestReloadOfMistakes(t *testing.T) {
	p := startConfigured(t, alice)
	p.rewrite(t, "greting = 1\ndrain = \"x\"\n", "did you mean greeting?")
	p.wantLog(t, "sallyport.toml:2:1: drain: ")
	p.rewrite(t, alice+"home = \"/does/not/exist\"\n[user.bob]", "user.bob.password: it is missing")
	require.NoError(t, os.Remove(p.file))
	p.hangUp(t, "no such file")
	_, err := p.dial(t, "alice")
	require.NoError(t, err)
	p.terminate(t)
	require.Zero(t, p.end(t))
}

// Options that can't change while the server runs are named.
func TestReloadThatWaits(t *testing.T) {
	p := startConfigured(t, alice+"sessions = 1\n")
	first, err := p.dial(t, "alice")
	require.NoError(t, err)
	_, err = p.dial(t, "alice")
	require.ErrorContains(t, err, "421")
	p.rewrite(t, "session-reuse = \"require\"\nlog-level = \"debug\"\n"+alice, "option=session-reuse")
	require.Contains(t, p.log.String(), "takes effect at the next start")
	require.NotContains(t, p.log.String(), "option=log-level")
	_, err = p.dial(t, "alice")
	require.NoError(t, err)
	_, err = first.Cmd(257, "PWD")
	require.NoError(t, err)
	p.wantLog(t, "level=DEBUG")
	p.rewrite(t, "max-sessions = 1\n"+alice, reread)
	_, err = p.dial(t, "alice")
	require.ErrorContains(t, err, "421")
	_, err = first.Cmd(257, "PWD")
	require.NoError(t, err)
}

// A changed quota holds for new logins, and counts the files that are there.
func TestReloadOfQuota(t *testing.T) {
	home := t.TempDir()
	quota := func(n int) string { return fmt.Sprintf("%shome = %q\nquota = \"%d B\"\n", alice, home, n) }
	p := startConfigured(t, quota(10))
	old, err := p.dial(t, "alice")
	require.NoError(t, err)
	require.NoError(t, old.Put("STOR a", "12345678"))
	p.rewrite(t, quota(16), reread)
	new, err := p.dial(t, "alice")
	require.NoError(t, err)
	require.ErrorContains(t, old.Put("STOR b", "12345678"), "552")
	require.ErrorContains(t, new.Put("STOR b", "123456789"), "552")
	require.NoError(t, new.Put("STOR b", "12345678"))
}

// A user has the rights that the file says.
func TestConfiguredUsers(t *testing.T) {
	home := t.TempDir()
	for name, text := range map[string]string{"seen": "12345", ".unseen": "x"} {
		require.NoError(t, os.WriteFile(filepath.Join(home, name), []byte(text), 0o644))
	}
	user := func(name, more string) string {
		return strings.ReplaceAll(alice, "alice", name) + fmt.Sprintf("home = %q\n", home) + more + "\n"
	}
	p := startConfigured(t, user("reader", `read-only = true
hidden = [".*"]`)+user("hider", `hidden = [".*"]`)+user("away", `networks = ["192.0.2.0/24"]`)+user("here", `networks = ["127.0.0.0/8"]`)+user("late", `expires = 2020-01-01`)+
		user("gone", ``)+strings.ReplaceAll(alice, "alice", "full")+fmt.Sprintf("home = %q\nquota = \"10 B\"\n", t.TempDir())+
		strings.ReplaceAll(alice, "alice", "lost")+"home = \"/does/not/exist\"\n")
	reader, err := p.dial(t, "reader")
	require.NoError(t, err)
	list, err := reader.Get("NLST")
	require.NoError(t, err)
	require.Equal(t, "seen\r\n", list)
	require.ErrorContains(t, reader.Put("STOR new", "x"), "550")
	_, err = reader.Get("RETR .unseen")
	require.ErrorContains(t, err, "550")
	hider, err := p.dial(t, "hider")
	require.NoError(t, err)
	require.ErrorContains(t, hider.Put("STOR .new", "x"), "550")
	require.NoError(t, hider.Put("STOR new", "x"))
	_, err = p.dial(t, "away")
	require.ErrorContains(t, err, "530 Login incorrect.")
	p.wantLog(t, "may not log in from 127.0.0.1")
	_, err = p.dial(t, "here")
	require.NoError(t, err)
	_, err = p.dial(t, "late")
	require.ErrorContains(t, err, "has expired")
	_, err = p.dial(t, "lost")
	require.ErrorContains(t, err, "530")
	p.wantLog(t, "the home of the user can't be used")
	for range 2 {
		full, err := p.dial(t, "full")
		require.NoError(t, err)
		require.NoError(t, full.Put("STOR a", "12345"))
		require.ErrorContains(t, full.Put("STOR b", "12345678"), "552")
		require.NoError(t, full.Close())
	}
}

// clientCertificate makes a certificate for a user, and a file with its authority.
func clientCertificate(t *testing.T, user string) (stdtls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: numbers.NewInt(1), Subject: pkix.Name{CommonName: user}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "clients.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	return stdtls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// A user who must show a certificate can't log in without one, or with another user's. A reload can begin to ask
// for certificates, and the server's own certificate stays.
func TestClientCertificates(t *testing.T) {
	cert, file := clientCertificate(t, "alice")
	p := startConfigured(t, alice)
	with := func(user string, certs ...stdtls.Certificate) error {
		config := p.clientTLS(t)
		config.Certificates = certs
		c, err := ftpclient.Dial(p.fact(t, "explicit FTPS"), false, config, user, "secret")
		if err == nil {
			c.Close()
		}
		return err
	}
	p.rewrite(t, alice+"require-certificate = true", "it needs client-ca")
	require.NoError(t, with("alice"))
	both := alice + "require-certificate = true\n" + strings.ReplaceAll(alice, "alice", "bob")
	p.rewrite(t, fmt.Sprintf("client-ca = %q\n", file)+both+"require-certificate = true", reread)
	require.NoError(t, with("alice", cert))
	require.ErrorContains(t, with("alice"), "530")
	require.ErrorContains(t, with("bob", cert), "530")
	p.wantLog(t, "needs a client certificate whose common name is that")
	p.rewrite(t, fmt.Sprintf("client-ca = %q\n", file)+both, reread)
	require.NoError(t, with("bob"))
	p.rewrite(t, alice, reread)
	require.NoError(t, with("alice"))
}

// A reload refuses what a check calls wrong, also where the configuration is as it was and only what it names is not.
func TestReloadIsAsStrictAsCheck(t *testing.T) {
	unset(t, "SALLYPORT_CONTROL", "SALLYPORT_STATE_DIR")
	cert, key := weak(t)
	whole, err := os.ReadFile(cert)
	require.NoError(t, err)
	logs := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.Mkdir(logs, 0o755))
	base := fmt.Sprintf("cert = %q\nkey = %q\ncontrol = %q\naudit-log = %q\n", cert, key, filepath.Join(t.TempDir(), "c.sock"), filepath.Join(logs, "audit"))
	listen := "listen = \"127.0.0.1:0\"\n"
	file := configure(t, base+listen+alice)
	p := configured{startWith(t, func(cmd *exec.Cmd) {
		i := slices.Index(cmd.Args, "--listen")
		cmd.Args = append(slices.Delete(cmd.Args, i, i+2), "--config", file)
	}), file}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	refused := func(text, want string) {
		t.Helper()
		p.rewrite(t, text, want)
		err := run(t.Context(), []string{"config", "check", t.TempDir(), "--config", p.file, "--passive=any"}, io.Discard, io.Discard)
		require.ErrorContains(t, err, want)
	}
	base += listen
	refused(strings.ReplaceAll(base, "127.0.0.1:0", taken.Addr().String())+alice, "5:1: listen: listen tcp "+taken.Addr().String())
	refused(base+"control-group = \"nosuchgroup\"\n"+alice, "there is no group")
	refused(base+"state-dir = \"/proc/nowhere\"\n"+alice, "6:1: state-dir: ")
	refused(base+"log = \"/no/where/log\"\n"+alice, "6:1: log: ")
	require.NoError(t, os.WriteFile(cert, []byte("garbage"), 0o644))
	refused(base+alice, "1:1: cert: tls: ")
	require.NoError(t, os.WriteFile(cert, whole, 0o644))
	require.NoError(t, os.RemoveAll(logs))
	refused(base+alice, "4:1: audit-log: ")
	require.NoError(t, os.Mkdir(logs, 0o755))
	p.rewrite(t, base+alice, reread)
}
