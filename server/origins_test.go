package server_test

import (
	stdtls "crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

const hidden = "nearly all sessions come from one address"

// arrive opens sessions, a second apart, and ends them.
func (fs *fakeServer) arrive(t *testing.T, n int, addr func(i int) string) {
	t.Helper()
	for i := range n {
		c := fs.from(t, addr(i))
		c.expect(220)
		c.Conn.Close()
		time.Sleep(time.Second)
	}
}

func same(int) string              { return "172.17.0.1" }
func different(i int) string       { return fmt.Sprintf("192.0.2.%d", i+1) }
func (fs *fakeServer) warned() int { return strings.Count(fs.Log.String(), hidden) }

// The log says once, with the cure, that nearly all sessions come from one address:
// from 20 sessions on, if 80 % of those within 10 minutes come from there.
func TestHiddenAddressesAreNoticed(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.arrive(t, 19, same)
		time.Sleep(11 * time.Minute)
		fs.arrive(t, 19, same)
		require.Zero(t, fs.warned(), "19 within 10 minutes")
		fs.arrive(t, 1, same)
		require.Equal(t, 1, fs.warned())
		require.Contains(t, fs.Log.String(), "address=172.17.0.1")
		require.Contains(t, fs.Log.String(), "SharedAddress")
		fs.arrive(t, 100, same)
		require.Equal(t, 1, fs.warned(), "said again")
	})
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.arrive(t, 6, different)
		fs.arrive(t, 23, same)
		require.Zero(t, fs.warned(), "23 of 29 are less than 80 %")
		fs.arrive(t, 1, same)
		require.Equal(t, 1, fs.warned())
	})
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.arrive(t, 100, different)
		require.Zero(t, fs.warned())
	})
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.arrive(t, 100, same)
		require.Zero(t, fs.warned(), "the operator knows")
	}, sharedAddress)
}

func sharedAddress(srv *server.Server) { srv.SharedAddress, srv.InsecurePlaintext = true, false }

// Where addresses are shared, a data connection without proof gets nothing from the
// first transfer on, and the client hears why. A data connection with proof is
// served.
func TestSharedAddressDemandsProof(t *testing.T) {
	fake(t, func(t *testing.T, ts *fakeServer) {
		ts.writeFile(t, "a", "content")
		c := ts.login(t)
		cache := c.TLS.ClientSessionCache
		c.TLS.ClientSessionCache = nil
		raw := c.dataTCP(c.pasv())
		c.cmd(150, "RETR a")
		sec := stdtls.Client(raw, c.TLS)
		if sec.HandshakeContext(t.Context()) == nil {
			n, _ := sec.Read(make([]byte, 1))
			require.Zero(t, n, "a connection without proof got data")
		}
		require.Contains(t, c.expect(522).String(), "must resume")
		c.TLS.ClientSessionCache = cache
		require.Equal(t, "content", c.get("RETR a"))
	}, sharedAddress)
}

// Where addresses are shared, the delays after refused logins and the limit of
// sessions are by user.
func TestSharedAddressCountsByUser(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i := range 10 { // so many would have a network wait
			c := fs.from(t, same(i))
			c.expect(220)
			c.authTLS()
			c.cmd(331, "USER mallory%d", i)
			after(t, 0, func() { c.cmd(530, "PASS wrong") })
			c.Conn.Close()
		}
		c := fs.from(t, "172.17.0.1")
		c.expect(220)
		c.authTLS()
		c.cmd(331, "USER mallory1")
		after(t, 500*time.Millisecond, func() { c.cmd(530, "PASS wrong") })
		c = fs.from(t, "198.51.100.1") // the user waits, from whatever address
		c.expect(220)
		c.authTLS()
		c.cmd(331, "USER mallory1")
		after(t, time.Second, func() { c.cmd(530, "PASS wrong") })
		after(t, 0, func() { fs.inTLS(t) })
	}, sharedAddress)
	fake(t, func(t *testing.T, fs *fakeServer) {
		in := func(user string, code int) *client {
			c := fs.from(t, "172.17.0.1")
			c.expect(220)
			c.authTLS()
			c.cmd(331, "USER %s", user)
			c.cmd(code, "PASS %s", testPassword)
			return c
		}
		first := in("alice", 230)
		in("alice", 230)
		in("alice", 421).end()
		in("bob", 230)
		first.cmd(331, "USER bob") // a logout gives the place back
		in("alice", 230)
		first.cmd(230, "PASS %s", testPassword)
		in("bob", 421).end()
		first.cmd(221, "QUIT")
		first.end()
		in("bob", 230)
	}, sharedAddress, everybody, func(srv *server.Server) { srv.MaxSessionsPerAddress = 2 })
}

func TestSharedAddressValidates(t *testing.T) {
	srv := &server.Server{Driver: driver.User("a", "b", driver.Mem()), TLS: certificate(), SharedAddress: true}
	require.NoError(t, srv.Validate())
	srv.Active, srv.SessionReuse = new(server.Active), tls.Off
	err := srv.Validate()
	require.ErrorContains(t, err, "Active")
	require.ErrorContains(t, err, "Off")
	srv.Active, srv.SessionReuse, srv.InsecurePlaintext = nil, tls.Prefer, true
	require.ErrorContains(t, srv.Validate(), "SharedAddress, InsecurePlaintext: ")
	srv = &server.Server{InsecurePlaintext: true, SharedAddress: true}
	require.ErrorContains(t, srv.Validate(), "needs TLS")
}
