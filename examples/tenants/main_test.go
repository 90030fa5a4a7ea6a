package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/realclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// company is a running server with two users of the tenant acme and one of globex.
type company struct {
	*directory
	server   *ftpstest.Server
	admin    string // the URL of the admin interface
	cert     string // the PEM file of a client certificate
	key      string
	identity *x509.Certificate
}

const password = "wonderland"

func start(t *testing.T) *company {
	t.Helper()
	db, err := open(filepath.Join(t.TempDir(), "tenants.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	c := &company{directory: &directory{db: db, root: t.TempDir(), tenants: map[string]tenant{}}}
	t.Cleanup(c.directory.close)
	hash, err := driver.HashKnown(password) // quick to compare
	must(t, err)
	must(t, db.add(t.Context(), "alice", "acme", hash, "in:rwd", "out:r"))
	must(t, db.add(t.Context(), "bob", "acme", hash, "in:w"))
	must(t, db.add(t.Context(), "carol", "globex", hash, "in:rwd"))
	c.certificate(t)
	c.server = ftpstest.Config{Driver: c.directory, Configure: func(srv *server.Server) {
		srv.TLS = srv.TLS.Clone()
		must(t, c.configure(srv, c.cert))
	}}.Start(t)
	admin := httptest.NewServer(c.directory.admin(c.server.Server))
	t.Cleanup(admin.Close)
	c.admin = admin.URL
	return c
}

func (c *company) as(user string) realclient.Account {
	return realclient.At(c.server, user, password)
}

// set changes a column of a row.
func (c *company) set(t *testing.T, query string, args ...any) {
	t.Helper()
	_, err := c.db.Exec(query, args...)
	must(t, err)
}

// certificate makes a self-signed certificate for a client.
func (c *company) certificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	c.identity, err = x509.ParseCertificate(der)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	c.cert = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	c.key = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// The files of tenants keep the contract of driver.FS, in a folder with all rights.
func TestContract(t *testing.T) {
	c := start(t)
	n := 0
	drivertest.RunWith(t, drivertest.Options{Dir: "in", Patience: time.Minute}, func(t *testing.T) driver.FS {
		n++
		u := user{name: "test", tenant: "tenant" + string(rune('a'+n%26)) + strings.Repeat("x", n/26), quota: 1 << 30, folders: map[string]string{"in": "rwd"}}
		files, err := c.files(t.Context(), u)
		must(t, err)
		return files
	})
}

func TestRights(t *testing.T) {
	c := start(t)
	file := write(t, "order,amount\n")
	if out, err := c.as("bob").Curl(t, "/in/order.csv", "-T", file); err != nil {
		t.Fatal(err, out)
	}
	if out, err := c.as("alice").Lftp(t, "cat in/order.csv", "mv in/order.csv in/done.csv", "cls -1 ."); err != nil || !strings.Contains(out, "order,amount\n") || !strings.Contains(out, "out/\n") {
		t.Error(err, out)
	}
	for what, try := range map[string]func() (string, error){
		"bob reads":               func() (string, error) { return c.as("bob").Curl(t, "/in/done.csv") },
		"bob replaces":            func() (string, error) { return c.as("bob").Curl(t, "/in/done.csv", "-T", file) },
		"bob deletes":             func() (string, error) { return c.as("bob").Curl(t, "/", "-Q", "DELE in/done.csv") },
		"bob sees out":            func() (string, error) { return c.as("bob").Curl(t, "/out/") },
		"alice writes to out":     func() (string, error) { return c.as("alice").Curl(t, "/out/x", "-T", file) },
		"alice moves to out":      func() (string, error) { return c.as("alice").Lftp(t, "mv in/done.csv out/done.csv") },
		"alice removes a folder":  func() (string, error) { return c.as("alice").Curl(t, "/", "-Q", "RMD out") },
		"alice writes beside":     func() (string, error) { return c.as("alice").Curl(t, "/x", "-T", file) },
		"carol sees acme's order": func() (string, error) { return c.as("carol").Curl(t, "/in/done.csv") },
	} {
		if out, err := try(); err == nil || !strings.Contains(out, " 550 ") {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}

// The quota counts what all users of a tenant store.
func TestQuota(t *testing.T) {
	c := start(t)
	c.set(t, `UPDATE tenant SET quota = 150000 WHERE name = 'acme'`)
	file := write(t, strings.Repeat("x", 100_000))
	if out, err := c.as("alice").Curl(t, "/in/a", "-T", file); err != nil {
		t.Fatal(err, out)
	}
	if out, err := c.as("bob").Curl(t, "/in/b", "-T", file); err == nil || !strings.Contains(out, "< 552 ") {
		t.Error(err, out)
	}
	if out, err := c.as("carol").Curl(t, "/in/c", "-T", file); err != nil {
		t.Error(err, out)
	}
}

// The webhook gets the content and the user of an upload, and the client gets the
// words of the webhook.
func TestWebhook(t *testing.T) {
	c := start(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		switch {
		case r.FormValue("user") != "alice" || r.FormValue("session") == "":
			w.WriteHeader(http.StatusInternalServerError)
		case strings.Contains(string(content), "virus"):
			http.Error(w, "There is a virus in "+r.FormValue("name"), http.StatusUnprocessableEntity)
		}
	}))
	t.Cleanup(hook.Close)
	c.webhook = hook.URL
	if out, err := c.as("alice").Curl(t, "/in/a", "-T", write(t, "harmless")); err != nil {
		t.Error(err, out)
	}
	if out, err := c.as("alice").Curl(t, "/in/a", "-T", write(t, "a virus")); err == nil || !strings.Contains(out, "< 553 There is a virus in in/a") {
		t.Error(err, out)
	}
	if out, err := c.as("alice").Lftp(t, "put "+write(t, "a virus")+" -o in/b"); err == nil || !strings.Contains(out, "553 There is a virus in in/b") {
		t.Error(err, out)
	}
	if got, err := os.ReadFile(filepath.Join(c.root, "acme", "in", "a")); err != nil || string(got) != "harmless" {
		t.Errorf("the old file is %q, %v", got, err)
	}
}

// A webhook that doesn't answer lets no upload in, and clients don't learn its
// address.
func TestWebhookGone(t *testing.T) {
	c := start(t)
	c.server.Close()
	hook := httptest.NewServer(nil)
	hook.Close()
	c.webhook = hook.URL
	c.server = ftpstest.Config{Driver: c.directory, AllowErrors: []string{"connection refused"}}.Start(t)
	out, err := c.as("alice").Curl(t, "/in/a", "-T", write(t, "x"))
	if err == nil || !strings.Contains(out, "< 451 ") || strings.Contains(out, hook.URL) {
		t.Error(err, out)
	}
}

func TestCertificate(t *testing.T) {
	c := start(t)
	c.set(t, `UPDATE user SET certificate = ?, hash = '' WHERE name = 'alice'`, tls.FingerprintOf(c.identity))
	c.set(t, `UPDATE user SET certificate = ? WHERE name = 'bob'`, tls.FingerprintOf(c.identity))
	show := []string{"--cert", c.cert, "--key", c.key}
	for _, try := range []struct {
		user, password string
		args           []string
		in             bool
	}{
		{"alice", "none", show, true}, // by certificate alone
		{"alice", password, nil, false},
		{"bob", password, show, true}, // by both
		{"bob", "wrong", show, false},
		{"bob", password, nil, false},
		{"carol", password, show, true}, // by password alone
		{"carol", "wrong", show, false},
	} {
		a := realclient.At(c.server, try.user, try.password)
		if out, err := a.Curl(t, "/", try.args...); (err == nil) != try.in {
			t.Errorf("%+v: %v\n%s", try, err, out)
		}
	}
}

// A user's bandwidth and sessions are bounded as the user's row says.
func TestPolicy(t *testing.T) {
	c := start(t)
	c.set(t, `UPDATE user SET sessions = 1, upload_rate = 1000000, download_rate = 2000000 WHERE name = 'alice'`)
	account, err := c.Login(t.Context(), &driver.Login{User: "alice", Password: password})
	must(t, err)
	if p := account.Policy; p.UploadRate != 1e6 || p.DownloadRate != 2e6 {
		t.Errorf("the policy is %+v", p)
	}
	alice, err := ftpclient.Dial(c.server.Addr, false, c.server.ClientTLS(), "alice", password)
	must(t, err)
	defer alice.Close()
	if out, err := c.as("alice").Curl(t, "/"); err == nil || !strings.Contains(out, "< 421 ") {
		t.Error(err, out)
	}
	must(t, alice.Put("STOR in/a", strings.Repeat("x", 100_000)))
	if out, err := c.as("carol").Curl(t, "/"); err != nil {
		t.Error(err, out)
	}
}

// Closing an account ends its sessions with the reason, and further logins get the
// reason, too.
func TestKick(t *testing.T) {
	c := start(t)
	bob, err := ftpclient.Dial(c.server.Addr, false, c.server.ClientTLS(), "bob", password)
	must(t, err)
	defer bob.Close()
	res, err := http.Get(c.admin + "/sessions")
	must(t, err)
	list, err := io.ReadAll(res.Body)
	must(t, err)
	res.Body.Close()
	if !strings.Contains(string(list), `"user":"bob"`) {
		t.Errorf("sessions: %s", list)
	}
	res, err = http.Post(c.admin+"/close/bob", "text/plain", strings.NewReader("The contract has ended."))
	must(t, err)
	res.Body.Close()
	if n := len(c.server.Server.Sessions()); res.StatusCode != 200 || n != 0 {
		t.Errorf("%s, and %d sessions are there", res.Status, n)
	}
	if r, err := bob.Cmd(421, "NOOP"); err != nil || r.Text() != "The contract has ended." {
		t.Errorf("bob hears %q, %v", r, err)
	}
	if out, err := c.as("bob").Curl(t, "/"); err == nil || !strings.Contains(out, "< 530 The contract has ended.") {
		t.Error(err, out)
	}
	wrong := realclient.At(c.server, "bob", "wrong")
	if out, err := wrong.Curl(t, "/"); err == nil || !strings.Contains(out, "< 530 Login incorrect.") {
		t.Error("strangers hear of it:", err, out)
	}
}

// The audit log has what a session did, in order.
func TestAudit(t *testing.T) {
	c := start(t)
	if out, err := c.as("alice").Curl(t, "/in/a", "-T", write(t, "ten bytes\n"), "-Q", "-RNFR a", "-Q", "-RNTO b", "-Q", "-DELE b"); err != nil {
		t.Fatal(err, out)
	}
	c.server.Close() // waits until the logout was reported
	var session string
	must(t, c.db.QueryRow(`SELECT session FROM audit WHERE user = 'alice' AND path = '/in/a' AND bytes = 10 AND event = 'STOR'`).Scan(&session))
	var story string
	must(t, c.db.QueryRow(`SELECT group_concat(trim(event || ' ' || path || error), ' ') FROM (SELECT event, path, error FROM audit WHERE session = ? ORDER BY rowid)`, session).Scan(&story))
	if story != "login STOR /in/a RNTO /in/a /in/b DELE /in/b logout" {
		t.Errorf("the log says %q", story)
	}
}

// The program adds users and serves them.
func TestProgram(t *testing.T) {
	program, addr, dir := realclient.Build(t), testenv.FreeAddr(t), t.TempDir()
	common := []string{"-db", filepath.Join(dir, "tenants.db"), "-files", dir, "-listen", addr, "-admin", testenv.FreeAddr(t)}
	add := exec.Command(program, append(common, "add", "alice", "acme", "in:rwd")...)
	add.Env = append(add.Environ(), "FTP_PASSWORD="+password)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("add: %v\n%s", err, out)
	}
	realclient.Start(t, addr, program, append(common, "serve")...)
	alice := realclient.Account{Addr: addr, User: "alice", Password: password}
	if out, err := alice.Curl(t, "/in/a", "-T", write(t, "a")); err != nil {
		t.Error(err, out)
	}
}

func write(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
