package server_test

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// intercept has a function called before the server's driver.
func intercept(before func(context.Context, *driver.Login)) func(*server.Server) {
	return func(srv *server.Server) {
		within := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			before(ctx, l)
			return within.Login(ctx, l)
		})
	}
}

// The context of a login ends at the logout, and at once when the login was
// refused.
func TestLogoutEndsLoginContext(t *testing.T) {
	var open atomic.Int32
	fake(t, func(t *testing.T, fs *fakeServer) {
		want := func(n int32) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, n, open.Load())
		}
		c := fs.connected(t, "198.51.100.7")
		c.cmd(331, "USER %s", testUser)
		c.cmd(530, "PASS wrong")
		want(0)
		time.Sleep(time.Second)
		for range 300 {
			c.login()
			want(1)
		}
		c.cmd(331, "USER %s", testUser)
		want(0)
		c.login()
		c.cmd(220, "REIN")
		want(0)
		c.login()
		c.authTLS()
		want(0)
		c.login()
		want(1)
		c.cmd(221, "QUIT")
		c.end()
		want(0)
	}, intercept(func(ctx context.Context, _ *driver.Login) {
		open.Add(1)
		context.AfterFunc(ctx, func() { open.Add(-1) })
	}))
}

// ABOR that is sent ahead of the reply to PASS is answered in its turn. The attendant
// hears it while the driver decides, and the session takes the policy afterwards.
func TestAbortDuringLogin(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		c.cmd(331, "USER %s", testUser)
		c.send("PASS %s", testPassword)
		time.Sleep(time.Second / 2)
		c.send("ABOR")
		c.expect(230)
		c.expect(226)
	}, intercept(func(context.Context, *driver.Login) { time.Sleep(time.Second) }))
}

// LoginTimeout counts from the logout of a session that has been logged in, and
// from nothing else.
func TestLoginPeriod(t *testing.T) {
	for name, logout := range map[string]func(c *client){
		"USER": func(c *client) { c.cmd(331, "USER %s", testUser) },
		"REIN": func(c *client) { c.cmd(220, "REIN") },
		"AUTH": func(c *client) { c.authTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c := fs.in(t)
				time.Sleep(4 * time.Minute)
				logout(c)
				time.Sleep(50 * time.Second)
				c.login()
				time.Sleep(4 * time.Minute)
				if name == "AUTH" {
					c.cmd(220, "REIN") // AUTH works once
				} else {
					logout(c)
				}
				after(t, time.Minute, func() {
					time.Sleep(30 * time.Second)
					c.cmd(220, "REIN")
					time.Sleep(20 * time.Second)
					c.cmd(331, "USER x")
					c.expect(421)
					c.end()
				})
			})
		})
	}
}

// REIN goes back to the host of SNI. Like the host of HOST it is in lower case.
func TestHostOfSNI(t *testing.T) {
	t.Parallel()
	hosts := make(chan string, 1)
	ts := start(t, intercept(func(_ context.Context, l *driver.Login) { hosts <- l.Host }))
	cfg := ts.Config.Clone()
	cfg.ServerName = "LocalHost"
	c := newClient(t, dialTCP(t, ts.Addr), cfg)
	c.expect(220)
	host := func(want string) {
		t.Helper()
		c.login()
		require.Equal(t, want, <-hosts)
	}
	c.authTLS()
	host("localhost")
	c.cmd(220, "REIN")
	host("localhost")
	c.cmd(220, "REIN")
	c.cmd(220, "HOST FTP.Example.com")
	host("ftp.example.com")
	c.cmd(220, "REIN")
	host("localhost")
}

// certified lets users log in who are named by their certificates: alice by the
// certificate alone, bob with a password as well.
func certified(t *testing.T, halfway error, certs *[]stdtls.Certificate) func(*server.Server) {
	return func(srv *server.Server) {
		srv.TLS = srv.TLS.Clone()
		srv.TLS.ClientAuth = tls.VerifyClientCertIfGiven
		srv.TLS.ClientCAs = x509.NewCertPool()
		for _, name := range []string{"alice", "bob"} {
			cert := clientCertificate(t, name)
			srv.TLS.ClientCAs.AddCert(cert.Leaf)
			*certs = append(*certs, cert)
		}
		files := driver.Mem()
		srv.Driver = driver.Func(func(_ context.Context, l *driver.Login) (*driver.Account, error) {
			switch {
			case l.Certificate == nil, l.Certificate.Subject.CommonName != l.User:
				return nil, driver.ErrLogin
			case l.User == "bob" && l.Password == "":
				return nil, halfway
			case l.User == "bob" && l.Password != testPassword:
				return nil, driver.ErrLogin
			}
			return &driver.Account{FS: files}, nil
		})
	}
}

// A refused certificate is a refused login: hooks hear of it and it counts.
func TestRefusedCertificate(t *testing.T) {
	var certs []stdtls.Certificate
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.Config.Certificates = certs[:1]
		c := fs.connected(t, "198.51.100.7")
		c.authTLS()
		for i := range 3 { // tries several names
			after(t, time.Duration(i)*500*time.Millisecond, func() { c.cmd(331, "USER bob") })
		}
		c.cmd(421, "USER bob")
		c.end()
		require.Len(t, fs.logins, 3)
		for _, l := range fs.logins {
			require.Equal(t, "bob", l.User)
			require.ErrorIs(t, l.Err, driver.ErrLogin)
		}

		c = fs.connected(t, "198.51.100.7")
		c.authTLS()
		after(t, 0, func() { c.cmd(232, "USER alice") })
	}, certified(t, driver.ErrNeedPassword, &certs))
}

// A certificate that needs a password causes no delay. If the driver refuses the
// certificate until the password comes, hooks are told of one refusal.
func TestCertificateAndPassword(t *testing.T) {
	for _, halfway := range []error{driver.ErrNeedPassword, driver.ErrLogin} {
		var certs []stdtls.Certificate
		fake(t, func(t *testing.T, fs *fakeServer) {
			fs.Config.Certificates = certs[1:]
			c := fs.connected(t, "198.51.100.7")
			c.authTLS()
			for range 10 {
				after(t, 0, func() {
					c.cmd(331, "USER bob")
					c.cmd(230, "PASS %s", testPassword)
				})
			}
			refused := 0
			for _, l := range fs.logins {
				if errors.Is(l.Err, driver.ErrLogin) {
					refused++
				}
			}
			require.Equal(t, map[error]int{driver.ErrNeedPassword: 0, driver.ErrLogin: 10}[halfway], refused)
			// A certificate with a wrong password or none counts as one guess.
			c.cmd(331, "USER bob")
			c.cmd(530, "PASS")
			after(t, 500*time.Millisecond, func() {
				c.cmd(331, "USER bob")
				c.cmd(530, "PASS wrong")
			})
		}, certified(t, halfway, &certs))
	}
}

// Row 56: the addresses of an IPv6 network of 64 bits are one client's.
func TestSessionsPerIPv6Network(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		first := fs.from(t, "2001:db8::1")
		first.expect(220)
		fs.from(t, "2001:db8::2").expect(220)
		fs.from(t, "2001:db8::ffff:3").expect(220)
		fs.from(t, "2001:db8::4").expect(421)
		fs.from(t, "2001:db8:0:1::1").expect(220)
		first.Conn.Close()
		synctest.Wait()
		fs.from(t, "2001:db8::4").expect(220)
	}, func(srv *server.Server) { srv.MaxSessionsPerAddress = 3 })
}
