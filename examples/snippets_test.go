package examples

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

var errUnknown = errors.New("unknown user or wrong password")

// ldap stands for any directory of users.
type ldap struct{ account }

type account struct{ Files driver.FS }

func (d ldap) Check(_ context.Context, user, password string) (account, error) {
	if user != ftpstest.DefaultUser || password != ftpstest.DefaultPassword {
		return account{}, errUnknown
	}
	return d.account, nil
}

// What docs/embedding.md shows works.
func TestSnippets(t *testing.T) {
	directory := ldap{account{driver.Mem()}}
	queue := make(chan string, 1)

	login := driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		account, err := directory.Check(ctx, l.User, l.Password)
		if errors.Is(err, errUnknown) {
			return nil, driver.ErrLogin // 530, and no hint which half was wrong
		}
		if err != nil {
			return nil, err // 530 as well, and the cause goes to the log
		}
		return &driver.Account{FS: account.Files}, nil
	})
	version := "Exchange 7"
	strict := map[string]bool{ftpstest.DefaultUser: true}
	configure := func(srv *server.Server) {
		srv.Driver = login
		srv.Disabled = []string{"DELE", "COMB", "SITE CHMOD"}
		srv.Hooks = &server.Hooks{
			Transfer: func(t server.Transfer) {
				if t.Err == nil && t.Verb == "STOR" {
					queue <- t.Path // the file is there and whole
				}
			},
		}
		srv.Intercept = &server.Intercept{
			Command: func(ctx context.Context, c server.Command, run func() server.Reply) server.Reply {
				if c.Line == "SITE VERSION" && c.Session.User != "" {
					return server.Reply{Code: 214, Lines: []string{version}}
				}
				return run()
			},
			Data: func(ctx context.Context, t server.Transfer, conn net.Conn) (net.Conn, error) {
				if strict[t.Session.User] && !t.Resumed { // tls.Require, for some users
					return nil, &driver.Error{Code: 522, Text: "Resume the TLS session of the control connection."}
				}
				return conn, nil
			},
		}
	}

	srv := ftpstest.Config{Configure: configure}.Start(t)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Put("STOR a.txt", "a"); err != nil {
		t.Fatal(err)
	}
	if got := <-queue; got != "/a.txt" {
		t.Errorf("the hook heard of %q", got)
	}
	if r, err := c.Cmd(214, "SITE VERSION"); err != nil || r.Text() != version {
		t.Errorf("SITE VERSION: %q, %v", r, err)
	}
	if _, err := c.Cmd(502, "DELE a.txt"); err != nil {
		t.Errorf("a command that is switched off: %v", err)
	}
	forgetful := srv.ClientTLS()
	forgetful.ClientSessionCache = nil
	other, err := ftpclient.Dial(srv.Addr, false, forgetful, srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Put("STOR b.txt", "b"); err == nil {
		t.Error("a client that resumes nothing may store")
	}
	if _, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, "wrong"); err == nil {
		t.Error("a wrong password logs in")
	}
}

// The snippet of docs/embedding.md that ends sessions works.
func TestDisconnectSnippet(t *testing.T) {
	engine := make(chan *server.Server, 1)
	test := ftpstest.Config{Configure: func(srv *server.Server) { engine <- srv }}.Start(t)
	c, err := ftpclient.Dial(test.Addr, false, test.ClientTLS(), test.User, test.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	srv, ctx := <-engine, t.Context()
	user := test.User
	ended, err := srv.DisconnectFunc(ctx, func(s server.SessionInfo) bool {
		return s.User == user
	}, "The account was closed.")
	if ended != 1 || err != nil {
		t.Errorf("%d, %v", ended, err)
	}
}

// The snippet of docs/embedding.md that changes settings of a running server works.
func TestReloadSnippet(t *testing.T) {
	var srv *server.Server
	reload := func(users driver.Users, announce string) error {
		rules, err := passive.ParseRules(announce)
		if err != nil {
			return err
		}
		return srv.Update(func(s *server.Settings) {
			s.Driver = users
			s.Announce = rules
			s.MaxSessionsPerAddress = 20
		})
	}

	started := ftpstest.Config{Configure: func(s *server.Server) { srv = s }}.Start(t)
	hash, err := driver.HashKnown("battery staple")
	if err != nil {
		t.Fatal(err)
	}
	if err := reload(driver.Users{"bob": {Hash: hash, Files: driver.Mem()}}, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	c, err := ftpclient.Dial(started.Addr, false, started.ClientTLS(), "bob", "battery staple")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Put("STOR b.txt", "b"); err != nil {
		t.Error(err)
	}
	if err := reload(nil, "nonsense!"); err == nil {
		t.Error("nonsense is announced")
	}
}

// The snippet of docs/embedding.md that gives one account a policy of its own works.
func TestPolicySnippet(t *testing.T) {
	files := driver.Mem()
	if err := files.Mkdir(t.Context(), "inbox"); err != nil {
		t.Fatal(err)
	}
	hash, err := driver.HashKnown("battery staple")
	if err != nil {
		t.Fatal(err)
	}
	partner := driver.Policy{
		Dir:          "inbox",
		RequireReuse: true,
		MaxSessions:  4,
		UploadRate:   5 << 20, // bytes per second
		Disabled:     []string{"RETR", "DELE", "COMB"},
	}
	users := driver.Users{"partner": {Hash: hash, Files: files, Policy: partner}}

	srv := ftpstest.Config{Configure: func(s *server.Server) { s.Driver = users }}.Start(t)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), "partner", "battery staple")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Put("STOR order.txt", "5 bolts"); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Stat(t.Context(), "inbox/order.txt"); err != nil {
		t.Error(err)
	}
	if _, err := c.Cmd(502, "DELE order.txt"); err != nil {
		t.Error(err)
	}
}

// The snippet of docs/embedding.md that compares a client certificate with the user works.
func TestCertificateSnippet(t *testing.T) {
	hash, err := driver.HashKnown("secret")
	if err != nil {
		t.Fatal(err)
	}
	users := driver.Users{"alice": {Hash: hash, Files: driver.Mem()}}
	own := driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		account, err := users.Login(ctx, l) // the password first
		if err == nil && (l.Certificate == nil || l.Certificate.Subject.CommonName != l.User) {
			return nil, driver.ErrLogin
		}
		return account, err
	})
	for name, in := range map[string]bool{"alice": true, "bob": false} {
		cert := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
		_, err := own.Login(t.Context(), &driver.Login{User: "alice", Password: "secret", Certificate: cert})
		if in != (err == nil) || !in && !errors.Is(err, driver.ErrLogin) {
			t.Errorf("with the certificate of %s: %v", name, err)
		}
	}
}

// The snippet of docs/embedding.md that shows sessions over HTTP works.
func TestSessionsOverHTTPSnippet(t *testing.T) {
	engine := make(chan *server.Server, 1)
	test := ftpstest.Config{Configure: func(srv *server.Server) { engine <- srv }}.Start(t)
	c, err := ftpclient.Dial(test.Addr, false, test.ClientTLS(), test.User, test.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	srv := <-engine
	admin := http.NewServeMux()
	admin.HandleFunc("GET /sessions", func(w http.ResponseWriter, r *http.Request) {
		for _, s := range srv.Sessions() {
			fmt.Fprintln(w, s.ID, s.User, s.Peer, s.LoggedIn.Format(time.RFC3339), s.Doing)
		}
	})
	admin.HandleFunc("DELETE /sessions/{id}", func(w http.ResponseWriter, r *http.Request) {
		n, err := srv.DisconnectFunc(r.Context(), func(s server.SessionInfo) bool {
			return s.ID == r.PathValue("id")
		}, "Ended by the operator.")
		fmt.Fprintln(w, n, err)
	})
	ask := func(method, target string) string {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest(method, target, nil))
		return w.Body.String()
	}
	id, line, _ := strings.Cut(ask("GET", "/sessions"), " ")
	if !strings.HasPrefix(line, test.User+" ") {
		t.Errorf("the list is %q", line)
	}
	if got := ask("DELETE", "/sessions/"+id); got != "1 <nil>\n" {
		t.Errorf("DELETE: %q", got)
	}
	if got := ask("GET", "/sessions"); got != "" {
		t.Errorf("there is still %q", got)
	}
}
