package examples

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// oldUsers stands for the function behind AuthUser of a program that moves.
type oldUsers struct{ files afero.Fs }

var errWrongPassword = errors.New("wrong password")

func (o oldUsers) authenticate(user, password string) (afero.Fs, error) {
	if user != ftpstest.DefaultUser || password != ftpstest.DefaultPassword {
		return nil, errWrongPassword
	}
	return o.files, nil
}

// What docs/from-ftpserverlib.md shows works.
func TestFromFtpserverlib(t *testing.T) {
	old := oldUsers{afero.NewMemMapFs()}
	gone := make(chan string, 1)
	forget := func(id string) { gone <- id }
	publicAddress := func(client netip.Addr) string { return "203.0.113.7" }

	// AuthUser
	login := driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		files, err := old.authenticate(l.User, l.Password)
		if errors.Is(err, errWrongPassword) {
			return nil, driver.ErrLogin
		}
		if err != nil {
			return nil, err
		}
		return &driver.Account{FS: driver.Afero(files)}, nil
	})
	// PublicIPResolver; PublicHost would be passive.Address("203.0.113.7")
	announce := passive.AnnounceFunc(func(ctx context.Context, client, local netip.Addr) (netip.Addr, error) {
		return netip.ParseAddr(publicAddress(client))
	})
	configure := func(srv *server.Server, ports *passive.Ports) {
		ports.Announce = announce
		srv.Driver = login
		srv.Passive = ports                // PassiveTransferPortRange: passive.Range("50000-50100")
		srv.Greeting = "Exchange 7"        // ClientConnected
		srv.IdleTimeout = 15 * time.Minute // IdleTimeout, in seconds there
		srv.Hooks = &server.Hooks{         // ClientDisconnected
			Disconnect: func(s server.SessionInfo, err error) { forget(s.ID) },
		}
	}

	ports := passive.Any()
	t.Cleanup(func() { ports.Close() })
	srv := ftpstest.Config{Configure: func(srv *server.Server) { configure(srv, ports) }}.Start(t)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := c.Cmd(227, "PASV"); err != nil || !strings.Contains(r.Text(), "(203,0,113,7,") {
		t.Errorf("PASV: %q, %v", r, err)
	}
	if err := c.Put("STOR a.txt", "as it was"); err != nil {
		t.Fatal(err)
	}
	if got, err := afero.ReadFile(old.files, "/a.txt"); err != nil || string(got) != "as it was" {
		t.Errorf("the old file system has %q, %v", got, err)
	}
	c.Close()
	if id := <-gone; id == "" {
		t.Error("no session ended")
	}
	if _, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, "wrong"); err == nil {
		t.Error("a wrong password logs in")
	}
}

// oldAuth stands for the Auth of a program that moves.
type oldAuth struct{}

func (oldAuth) check(user, password string) (bool, error) {
	return user == ftpstest.DefaultUser && password == ftpstest.DefaultPassword, nil
}

// What docs/from-goftp.md shows works.
func TestFromGoftp(t *testing.T) {
	auth, files := oldAuth{}, driver.Mem()
	done := make(chan string, 1)
	afterFilePut := func(path string, size int64, err error) { done <- path }

	// Auth, which may now choose the files as well
	login := driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		ok, err := auth.check(l.User, l.Password)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, driver.ErrLogin
		}
		return &driver.Account{FS: files}, nil
	})
	configure := func(srv *server.Server) {
		srv.Driver = login
		srv.Hooks = &server.Hooks{ // Notifier
			Transfer: func(t server.Transfer) {
				if t.Verb == "STOR" {
					afterFilePut(t.Path, t.Bytes, t.Err)
				}
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
	if got := <-done; got != "/a.txt" {
		t.Errorf("the notifier heard of %q", got)
	}
	if _, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, "wrong"); err == nil {
		t.Error("a wrong password logs in")
	}
}
