package server_test

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// policies gives each user of a map a policy. All users see the same files and have
// the test's password.
func policies(all map[string]driver.Policy) func(*server.Server) {
	return func(srv *server.Server) {
		one := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			policy, known := all[l.User]
			asked := *l
			if asked.User = testUser; !known {
				asked.Password = ""
			}
			account, err := one.Login(ctx, &asked)
			if err == nil {
				account.Policy = policy
			}
			return account, err
		})
	}
}

// as logs a client in as a user.
func as(c *client, user string) *client {
	c.cmd(331, "USER %s", user)
	c.cmd(230, "PASS %s", testPassword)
	return c
}

func TestPolicyDir(t *testing.T) {
	ts := start(t, insecure, policies(map[string]driver.Policy{"home": {Dir: "home/a"}, "lost": {Dir: "gone"}, "file": {Dir: "f"}, "root": {}}))
	require.NoError(t, ts.FS.Mkdir(t.Context(), "home"))
	require.NoError(t, ts.FS.Mkdir(t.Context(), "home/a"))
	ts.writeFile(t, "f", "")
	c := as(ts.dial(t), "home")
	require.Contains(t, c.cmd(257, "PWD").String(), `"/home/a"`)
	c.cmd(257, "MKD b")
	require.Contains(t, c.cmd(250, "CWD /").String(), `"/"`)
	// Another user begins in another directory.
	require.Contains(t, as(c, "root").cmd(257, "PWD").String(), `"/"`)
	for _, user := range []string{"lost", "file"} {
		require.Contains(t, as(c, user).cmd(257, "PWD").String(), `"/"`)
		require.Contains(t, ts.Log.String(), "the start directory of the policy can't be used")
	}
	_, err := ts.FS.Stat(t.Context(), "home/a/b")
	require.NoError(t, err)
}

// A user who has to use TLS can't log in without TLS, although others may. Such a
// login does not count as a wrong password.
func TestPolicyRequireTLS(t *testing.T) {
	ts := start(t, insecure, policies(map[string]driver.Policy{"strict": {RequireTLS: true}, "free": {}}),
		func(srv *server.Server) { srv.AllowCCC, srv.MaxLoginFailures = true, 1 })
	c := ts.dial(t)
	for range 3 {
		c.cmd(331, "USER strict")
		require.Contains(t, c.cmd(530, "PASS %s", testPassword).String(), "TLS is required for this user")
	}
	as(c, "free")
	c = ts.dial(t)
	c.authTLS()
	as(c, "strict")
	require.NotContains(t, c.cmd(211, "FEAT").String(), "CCC")
	c.cmd(534, "CCC")
	c.cmd(257, "PWD") // under TLS
	require.Contains(t, as(c, "free").cmd(211, "FEAT").String(), "CCC")
}

func TestPolicyRequirePrivate(t *testing.T) {
	ts := start(t, insecure, policies(map[string]driver.Policy{"strict": {RequirePrivate: true}, "free": {}}))
	ts.writeFile(t, "a", "hello")
	c := as(ts.dial(t), "free")
	require.Equal(t, "hello", c.get("RETR a"))
	as(c, "strict").pasv()
	c.cmd(522, "RETR a")
	c = ts.dial(t)
	c.authTLS()
	as(c, "free").cmd(200, "PBSZ 0")
	c.cmd(200, "PROT C")
	as(c, "strict").pasv()
	c.cmd(522, "RETR a")
	c.cmd(534, "PROT C")
	c.protect()
	require.Equal(t, "hello", c.get("RETR a"))
	c.cmd(534, "PROT C")
	as(c, "free").cmd(200, "PROT C")
}

// The data connections of an account with RequireReuse have to resume, whatever the
// server tolerates. Those of another account need not.
func TestPolicyRequireReuse(t *testing.T) {
	for name, reuse := range map[string]tls.Reuse{"prefer": tls.Prefer, "off": tls.Off} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, ts *fakeServer) {
				ts.writeFile(t, "a", "hello")
				in := func(user string) *client {
					c := ts.dial(t)
					c.authTLS()
					as(c, user).protect()
					return c
				}
				c := in("strict")
				require.Equal(t, "hello", c.get("RETR a"))

				c = in("strict")
				c.TLS.ClientSessionCache = nil
				conn := c.dataTCP(c.pasv())
				c.cmd(150, "RETR a")
				require.ErrorContains(t, stdtls.Client(conn, c.TLS).Handshake(), "access denied")
				c.expect(522)

				// The same control connection, for another account.
				as(c, "free")
				require.Equal(t, "hello", c.get("RETR a"))
			}, policies(map[string]driver.Policy{"strict": {RequireReuse: true}, "free": {}}), func(srv *server.Server) { srv.SessionReuse = reuse })
		})
	}
}

// The listener asks for certificates, and the policy demands one. A client that has
// none learns nothing about the password.
func TestPolicyRequireCertificate(t *testing.T) {
	t.Parallel()
	cert := clientCertificate(t, "strict")
	ts := start(t, policies(map[string]driver.Policy{"strict": {RequireCertificate: true}, "free": {}}), func(srv *server.Server) {
		srv.TLS = srv.TLS.Clone()
		srv.TLS.ClientAuth, srv.TLS.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		srv.TLS.ClientCAs.AddCert(cert.Leaf)
	})
	c := ts.dial(t)
	c.authTLS()
	c.cmd(331, "USER strict")
	wrong := c.cmd(530, "PASS wrong").String()
	c.cmd(331, "USER strict")
	require.Equal(t, wrong, c.cmd(530, "PASS %s", testPassword).String())
	require.Contains(t, ts.Log.String(), "the account's policy demands a client certificate")
	require.Contains(t, ts.Log.String(), "TLS.ClientAuth")
	as(c, "free")

	c = newClient(t, dialTCP(t, ts.Addr), trust(ts.TLS))
	c.TLS.Certificates = []stdtls.Certificate{cert}
	c.expect(220)
	c.authTLS()
	as(c, "strict").protect()
	c.get("NLST")
}

func TestPolicyIdleTimeout(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, memClient.String())
		c.expect(220)
		as(c, "short")
		after(t, 10*time.Second, func() { c.expect(421) })
		c = fs.from(t, memClient.String())
		c.expect(220)
		as(c, "long")
		time.Sleep(24 * time.Hour)
		as(c, "server")
		after(t, 5*time.Minute, func() { c.expect(421) })
	}, policies(map[string]driver.Policy{"short": {IdleTimeout: 10 * time.Second}, "long": {IdleTimeout: -1}, "server": {}}))
}

// Policy.MaxSessions bounds the sessions of an account from all addresses together.
// The next session hears why it is refused, and gets in when one has gone.
func TestPolicyMaxSessions(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		var all []*client
		for _, from := range []string{"198.51.100.7", "203.0.113.9", "198.51.100.8"} {
			c := fs.from(t, from)
			c.expect(220)
			all = append(all, c)
		}
		as(all[0], "two")
		as(all[1], "two")
		as(all[1], "Two")                         // the same user, to a backend that ignores case
		all[2].cmd(220, "HOST other.example.com") // naming a host gets around no limit
		all[2].cmd(331, "USER two")
		require.Contains(t, all[2].cmd(421, "PASS %s", testPassword).String(), "Too many sessions of this user")
		require.Contains(t, fs.Log.String(), "Policy.MaxSessions is reached")
		require.NotContains(t, fs.Log.String(), "MaxSessionsPerAddress")
		require.NotContains(t, fs.Log.String(), "level=ERROR")
		all[0].cmd(257, "PWD")

		c := fs.from(t, "198.51.100.8")
		c.expect(220)
		as(c, "other") // another account has sessions left
		all[0].cmd(221, "QUIT")
		synctest.Wait()
		as(c, "two")
		all[1].cmd(220, "REIN")
		c = fs.from(t, "198.51.100.9")
		c.expect(220)
		as(c, "two")
	}, policies(map[string]driver.Policy{"two": {MaxSessions: 2}, "Two": {MaxSessions: 2}, "other": {MaxSessions: 2}}))
}

func TestPolicyDisabled(t *testing.T) {
	ts := start(t, insecure, policies(map[string]driver.Policy{"reader": {Disabled: []string{"stor", "MLST", "SITE chmod"}}, "writer": {}}),
		func(srv *server.Server) { srv.Disabled = []string{"HASH"} })
	c := ts.dial(t)
	require.Contains(t, c.cmd(211, "FEAT").String(), "MLST")
	as(c, "reader").pasv()
	c.cmd(502, "STOR a")
	c.cmd(502, "SITE CHMOD 600 a")
	c.cmd(502, "HASH a")
	require.NotContains(t, c.cmd(211, "FEAT").String(), "MLST")
	require.NotContains(t, c.cmd(214, "HELP").String(), "STOR")
	require.NotContains(t, c.cmd(214, "SITE HELP").String(), "CHMOD")
	as(c, "writer").put("x", "STOR a")
	c.cmd(200, "SITE CHMOD 600 a")
	c.cmd(502, "HASH a")
	require.Contains(t, c.cmd(211, "FEAT").String(), "MLST")
}

// Errors in policies that can be known at start are reported at start.
func TestPolicyOfUsersIsValidated(t *testing.T) {
	hash, err := driver.HashKnown(testPassword)
	require.NoError(t, err)
	users := driver.Users{
		"a": {Hash: hash, Files: driver.Mem(), Policy: driver.Policy{Disabled: []string{"STOR"}}},
		"b": {Hash: hash, Files: driver.Mem(), Policy: driver.Policy{Disabled: []string{"NONSENSE"}, MaxSessions: -1}},
	}
	err = (&server.Server{InsecurePlaintext: true, Driver: users}).Validate()
	require.ErrorContains(t, err, `Driver: user "b": Disabled: "NONSENSE" is no command: want one such as DELE or SITE CHMOD`)
	require.ErrorContains(t, err, "MaxSessions is -1")
	require.NotContains(t, err.Error(), `"a"`)

	delete(users, "b")
	ts := start(t, insecure, func(srv *server.Server) { srv.Driver = users })
	as(ts.dial(t), "a").cmd(502, "STOR x")
}

// Each of several errors in policies names its user.
func TestPolicyErrorsNameTheUser(t *testing.T) {
	hash, err := driver.HashKnown(testPassword)
	require.NoError(t, err)
	users := driver.Users{"erin": {Hash: hash, Files: driver.Mem(), Policy: driver.Policy{
		Dir: "/x", MaxSessions: -1, UploadRate: -1, DownloadRate: -1, Disabled: []string{"NONSENSE", "PASS"}, RequireCertificate: true,
	}}}
	err = (&server.Server{InsecurePlaintext: true, Driver: users}).Validate()
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 7)
	for _, line := range lines {
		require.Contains(t, line, `"erin"`)
	}
}

// Validate refuses RequireCertificate if the server asks for no certificate, or
// verifies none, since nobody could get in.
func TestPolicyRequireCertificateIsValidated(t *testing.T) {
	hash, err := driver.HashKnown(testPassword)
	require.NoError(t, err)
	users := driver.Users{"strict": {Hash: hash, Files: driver.Mem(), Policy: driver.Policy{RequireCertificate: true}}}
	for auth, fits := range map[stdtls.ClientAuthType]bool{
		stdtls.NoClientCert: false, stdtls.RequestClientCert: false, stdtls.RequireAnyClientCert: false,
		stdtls.VerifyClientCertIfGiven: true, stdtls.RequireAndVerifyClientCert: true,
	} {
		cfg := certificate().Clone()
		cfg.ClientAuth = auth
		err := (&server.Server{TLS: cfg, Driver: users}).Validate()
		if fits {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "RequireCertificate")
		require.ErrorContains(t, err, "ClientAuth is "+auth.String())
		require.ErrorContains(t, err, `"strict"`)
		cfg.GetConfigForClient = func(*stdtls.ClientHelloInfo) (*stdtls.Config, error) { return nil, nil }
		require.NoError(t, (&server.Server{TLS: cfg, Driver: users}).Validate())
	}

	ts := start(t)
	err = ts.Server.Update(func(next *server.Settings) { next.Driver = users })
	require.ErrorContains(t, err, "ClientAuth")
}

// A policy that makes no sense lets nobody in, and the log says why.
func TestPolicyThatIsWrong(t *testing.T) {
	wrong := map[string]driver.Policy{
		"command": {Disabled: []string{"NONSENSE"}}, "dir": {Dir: "/home"}, "up": {Dir: "../up"},
		"sessions": {MaxSessions: -1}, "rate": {DownloadRate: -1, UploadRate: 5},
	}
	ts := start(t, insecure, policies(wrong), func(srv *server.Server) { srv.MaxLoginFailures = 1 })
	for user := range wrong {
		c := ts.dial(t)
		c.cmd(331, "USER %s", user)
		require.Contains(t, c.cmd(530, "PASS %s", testPassword).String(), "Login incorrect")
		c.cmd(530, "PWD") // not counted as a wrong password
	}
	for _, why := range []string{`Policy.Disabled: \"NONSENSE\"`, `Dir \"/home\"`, `Dir \"../up\"`, "MaxSessions is -1", "DownloadRate is -1"} {
		require.Contains(t, ts.Log.String(), why)
	}
}
