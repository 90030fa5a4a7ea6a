package server_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// Row 24: sessions that hold every port and never connect harm nobody at another
// address. They harm their own address only for as long as a lease lives.
func TestPassiveSquatting(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for range 4 { // as many as there are ports
			fs.in(t).cmd(227, "PASV")
		}
		other := fs.from(t, "198.51.100.8")
		other.expect(220)
		other.login()
		data := fs.data(t, other, buffer)
		other.cmd(150, "LIST")
		readAll(t, data)
		other.expect(226)

		c := fs.in(t)
		var code int
		start := time.Now()
		for code != 227 {
			c.send("PASV")
			code = c.expect(227, 425).Code
		}
		require.LessOrEqual(t, time.Since(start), 30*time.Second)
	})
}

// Row 25: connections that are reset at once, on control and data ports, do no
// harm.
func TestResetStorm(t *testing.T) {
	t.Parallel()
	ports := onePort(t)
	ports.TTL = patience
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	ts.writeFile(t, "a", "content")
	c := ts.login(t)
	at := c.pasv()
	for i := range 300 {
		for _, addr := range []string{ts.Addr, ts.ImplicitAddr} {
			resetAtOnce(t, dialTCP(t, addr))
		}
		if i%10 == 0 {
			if conn, err := stranger(t, at); err == nil {
				resetAtOnce(t, conn)
			}
		}
	}
	conn := c.dataTCP(at)
	c.cmd(150, "RETR a")
	require.Equal(t, "content", readAll(t, c.dataTLS(conn)))
	c.expect(226)
	eventually(t, "the sessions' end", func() bool { return len(ts.Sessions()) == 1 })
	require.Equal(t, "content", ts.login(t).get("RETR a"))
}

// A client resets each of its data connections. It is answered when the lease ends,
// which waits for another connection, and the session goes on.
func TestResetDataConnections(t *testing.T) {
	t.Parallel()
	ports := onePort(t)
	ports.TTL = time.Second
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	ts.writeFile(t, "a", "content")
	c := ts.login(t)
	for range 3 {
		resetAtOnce(t, c.dataTCP(c.pasv()))
		c.send("RETR a")
		if c.expect(150, 425).Code == 150 { // 425 comes first if the machine took longer than the lease
			c.expect(425, 426)
		}
	}
	c.cmd(200, "NOOP")
}

// Row 25, for data connections in clear, none of which can prove anything.
func TestResetStormInClear(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "content")
	c := ts.loginClear(t)
	for range 100 {
		resetAtOnce(t, c.dataTCP(c.pasv()))
		c.cmd(150, "STOR b")
		c.expect(425, 426)
	}
	require.Equal(t, "content", c.get("RETR a"))
	c.cmd(550, "SIZE b")
}

func resetAtOnce(t testing.TB, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.(interface{ SetLinger(int) error }).SetLinger(0))
	conn.Close()
}
