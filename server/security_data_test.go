package server_test

import (
	"context"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// stranger dials from an address of this host that is not the client's, as a
// thief does, or a client with two uplinks or behind a NAT with several
// addresses.
func stranger(t testing.TB, addr string) (net.Conn, error) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("only 127.0.0.1 is configured here")
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: patience}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &ftpclient.TCPConn{TCPConn: conn.(*net.TCPConn)}, nil
}

// turnedAway demands that a stranger gets nothing.
func turnedAway(t testing.TB, addr string) {
	t.Helper()
	conn, err := stranger(t, addr)
	if err != nil {
		require.ErrorIs(t, err, syscall.ECONNRESET)
		return
	}
	n, err := conn.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Error(t, err)
}

// Row 3: whoever is first at the data port, only the client's address is served, and
// the client still is. In the second half the stranger comes while the transfer waits,
// and the next transfer is the client's as well, because the server never keeps a peer
// that it has rejected.
func TestPasvTheft(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "mine")
	c := ts.loginClear(t)
	at := c.pasv()
	turnedAway(t, at)
	data := c.dataTCP(at)
	c.cmd(150, "RETR a")
	require.Equal(t, "mine", readAll(t, data))
	c.expect(226)

	at = c.pasv()
	c.cmd(150, "STOR b")
	turnedAway(t, at)
	data = c.dataTCP(at)
	io.WriteString(data, "also mine")
	data.Close()
	c.expect(226)
	require.Equal(t, "also mine", ts.readFile(t, "b"))
	require.Equal(t, "mine", c.get("RETR a"))
}

// Row 4: the ports that PASV tells are no sequence, and not just a few.
func TestPortsAreNotASequence(t *testing.T) {
	ports, err := passive.Range("30000-30999")
	require.NoError(t, err)
	fake(t, func(t *testing.T, fs *fakeServer) {
		ports.Listen = fs.net.Listen
		c := fs.in(t)
		seen, steps := map[string]bool{}, map[int]int{}
		last := 0
		for range 1000 {
			text := c.cmd(229, "EPSV").String()
			var port int
			_, err := fmt.Sscanf(text[strings.Index(text, "|||"):], "|||%d|", &port)
			require.NoError(t, err)
			seen[text] = true
			steps[port-last]++
			last = port
		}
		require.Greater(t, len(seen), 500)
		for step, n := range steps {
			require.Less(t, n, 20, "step %d", step)
		}
	}, func(srv *server.Server) { srv.Passive, srv.Logger = ports, nil })
}

// Row 5: a data connection with the ticket of another session is refused under both
// Prefer and Require. A data connection without a ticket is refused under Require, and
// by a session that has proved itself before.
func TestForeignTicket(t *testing.T) {
	for _, policy := range []tls.Reuse{tls.Prefer, tls.Require} {
		t.Run(policy.String(), func(t *testing.T) {
			fake(t, func(t *testing.T, ts *fakeServer) {
				ts.writeFile(t, "a", "secret")
				victim, thief := ts.login(t), ts.loginAs(t, "thief")
				at := victim.pasv()
				conn := thief.dataTCP(at)
				victim.cmd(150, "RETR a")
				// The connection offers the thief's session and is turned away; the
				// transfer waits for its own.
				conn.SetDeadline(time.Now().Add(patience))
				require.Error(t, stdtls.Client(conn, thief.TLS).Handshake())
				sec := victim.dataTLS(victim.dataTCP(at))
				got, err := io.ReadAll(sec)
				require.NoError(t, err)
				require.Equal(t, "secret", string(got))
				sec.Close()
				victim.expect(226)
				require.True(t, ts.lastTransfer(t).Resumed)

				// No better connection comes: the client is told why.
				thief = ts.loginAs(t, "thief") // with a ticket that was not used up
				conn = thief.dataTCP(victim.pasv())
				victim.cmd(150, "RETR a")
				conn.SetDeadline(time.Now().Add(patience))
				require.Error(t, stdtls.Client(conn, thief.TLS).Handshake())
				code := map[tls.Reuse]int{tls.Prefer: 425, tls.Require: 522}[policy]
				victim.expect(code)

				// A session that has proved itself has to do so again, and Require
				// demands that of all. A session that never proved anything is served
				// under Prefer.
				for _, c := range []*client{victim, ts.loginAs(t, "other")} {
					c.TLS = ts.Config
					conn := c.open2("STOR b")
					if c != victim && policy == tls.Prefer {
						sec := c.dataTLS(conn)
						io.WriteString(sec, "x")
						sec.Close()
						c.expect(226)
						continue
					}
					require.ErrorContains(t, stdtls.Client(conn, c.TLS).Handshake(), "access denied")
					c.expect(code)
					c.cmd(550, "SIZE b")
				}
			}, everybody, func(srv *server.Server) { srv.SessionReuse = policy })
		})
	}
}

// open2 sends PASV, dials and sends a command, and speaks no TLS yet.
func (c *client) open2(format string, args ...any) net.Conn {
	c.t.Helper()
	conn := c.dataTCP(c.pasv())
	c.cmd(150, format, args...)
	return conn
}

// Row 5: sessions of one address that share one port never get each other's
// data.
func TestOnePortForAll(t *testing.T) {
	ports := onePort(t)
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	var wg sync.WaitGroup
	for i := range 6 {
		c := ts.login(t)
		wg.Go(func() {
			for n := range 8 {
				want := fmt.Sprintf("%d-%d", i, n)
				c.put(want, "STOR f%d", i)
				require.Equal(t, want, c.get("RETR f%d", i))
			}
		})
	}
	wg.Wait()
	require.Zero(t, ports.Stats().Leases)
}

// Row 6: EPSV ALL outlives transfers, failed or not.
func TestEpsvAllStays(t *testing.T) {
	ts := start(t, func(srv *server.Server) { srv.Active = new(server.Active) })
	c := ts.login(t)
	c.cmd(200, "EPSV ALL")
	c.epsv()
	c.cmd(550, "RETR nope")
	conn := c.dataTCP(c.epsv())
	c.cmd(150, "LIST")
	readAll(t, c.dataTLS(conn))
	c.expect(226)
	c.cmd(501, "PASV")
	c.cmd(501, "PORT 127,0,0,1,200,0")
	c.cmd(501, "EPRT |1|127.0.0.1|51200|")
	c.cmd(220, "REIN")
	c.login()
	c.cmd(227, "PASV")
}

// Row 9: a bare FIN is no end of a file under the strict policy.
func TestTruncatedUploadRefused(t *testing.T) {
	ts := start(t, func(srv *server.Server) { srv.RequireCloseNotify = true })
	ts.writeFile(t, "a", "old")
	c := ts.login(t)
	conn := c.open("STOR a")
	io.WriteString(conn, "new")
	closeBare(t, conn)
	c.expect(426)
	require.Equal(t, "old", ts.readFile(t, "a"))
	require.True(t, ts.lastTransfer(t).Truncated)
	c.put("new", "STOR a")
	require.Equal(t, "new", ts.readFile(t, "a"))
}

// Row 11: the protection in force when the transfer starts counts, not the one in
// force when PASV was sent. Nothing is ever in clear unless the operator said so.
func TestProtectionDowngrade(t *testing.T) {
	ts := start(t)
	ts.writeFile(t, "a", "secret")
	c := ts.dial(t)
	c.cmd(530, "USER %s", testUser)
	c.cmd(530, "PASS %s", testPassword)
	c.cmd(503, "PBSZ 0")
	c.cmd(503, "PROT P")
	c.authTLS()
	c.cmd(503, "AUTH TLS")
	c.login()
	c.cmd(503, "PROT P") // PBSZ comes first
	at := c.pasv()
	conn := c.dataTCP(at)
	c.cmd(522, "RETR a")
	n, err := conn.Read(make([]byte, 1))
	require.Zero(t, n, "in clear: %v", err)

	at = c.pasv()
	c.protect()
	conn = c.dataTCP(at)
	c.cmd(150, "RETR a")
	require.Equal(t, "secret", readAll(t, c.dataTLS(conn)))
	c.expect(226)

	for line, code := range map[string]int{"PROT C": 534, "PROT S": 536, "PROT E": 536, "PROT X": 504, "PROT PP": 504, "CCC": 534} {
		c.cmd(code, "%s", line)
		require.Equal(t, "secret", c.get("RETR a"), "after %s", line)
	}
	c.cmd(200, "PROT p") // lower case will do

	c.cmd(220, "REIN")
	c.login()
	c.pasv()
	c.cmd(522, "RETR a")
}

// Row 11: the login does not outlive AUTH.
func TestAuthForgetsLogin(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "1\n2\n")
	c := ts.loginClear(t)
	c.cmd(227, "PASV")
	c.cmd(200, "TYPE A")
	c.cmd(550, "SIZE a") // the size after conversion nobody knows
	c.authTLS()
	c.cmd(530, "PWD")
	c.cmd(503, "PASS %s", testPassword)
	c.login()
	c.cmd(425, "LIST")
	c.cmd(213, "SIZE a") // TYPE is I again
}

// Row 11: a HOST in clear may be anybody's, so AUTH forgets it like the login.
func TestAuthForgetsHost(t *testing.T) {
	hosts := make(chan string, 1)
	ts := start(t, func(srv *server.Server) {
		one := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			hosts <- l.Host
			return one.Login(ctx, l)
		})
	})
	c := ts.dial(t)
	c.cmd(220, "HOST evil.example")
	c.authTLS()
	c.login()
	require.NotEqual(t, "evil.example", <-hosts)
}
