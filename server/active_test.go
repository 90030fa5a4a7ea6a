package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
)

func activeMode(srv *server.Server) { srv.Active = new(server.Active) }

// port listens on a port that the server is to dial.
func port(t testing.TB, addr string) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	return ln.(*net.TCPListener), netip.MustParseAddrPort(ln.Addr().String())
}

// eprt writes the argument of EPRT (RFC 2428, section 2).
func eprt(at netip.AddrPort) string {
	family := 2
	if at.Addr().Is4() {
		family = 1
	}
	return fmt.Sprintf("|%d|%s|%d|", family, at.Addr(), at.Port())
}

func TestActiveMode(t *testing.T) {
	for name, command := range map[string]func(netip.AddrPort) string{
		"PORT": func(at netip.AddrPort) string { return "PORT " + wire.FormatPort(at) },
		"EPRT": func(at netip.AddrPort) string { return "EPRT " + eprt(at) },
	} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure, activeMode)
			ts.writeFile(t, "a", "content")
			ln, at := port(t, "127.0.0.1:0")

			c := ts.loginClear(t)
			c.cmd(200, "%s", command(at))
			c.cmd(150, "RETR a")
			conn, err := ln.Accept()
			require.NoError(t, err)
			require.Equal(t, "content", readAll(t, conn))
			conn.Close()
			c.expect(226)
			c.cmd(425, "RETR a") // a PORT is good for one transfer

			c = ts.login(t)
			c.cmd(200, "%s", command(at))
			c.cmd(150, "STOR b")
			conn, err = ln.Accept()
			require.NoError(t, err)
			sec := c.dataTLS(conn)
			io.WriteString(sec, "up")
			sec.Close()
			c.expect(226)
			require.Equal(t, "up", ts.readFile(t, "b"))
			require.True(t, ts.lastTransfer(t).Resumed)
			require.True(t, ts.lastTransfer(t).Protected)

			ln.Close()
			c.cmd(200, "%s", command(at))
			c.cmd(150, "RETR a")
			c.expect(425)
			c.cmd(200, "NOOP")
		})
	}
}

// Active.SourcePort names the port that data connections come from, and serves
// several of them at a time.
func TestActiveSourcePort(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SO_REUSEADDR")
	}
	source := uint16(testenv.FreePorts(t, 1))
	ts := start(t, insecure, func(srv *server.Server) { srv.Active = &server.Active{SourcePort: source} })
	var clients []*client
	var conns []net.Conn
	for i := range 3 {
		ln, to := port(t, "127.0.0.1:0")
		c := ts.loginClear(t)
		c.cmd(200, "PORT %s", wire.FormatPort(to))
		c.cmd(150, "STOR f%d", i)
		conn, err := ln.Accept()
		require.NoError(t, err)
		require.Equal(t, source, netip.MustParseAddrPort(conn.RemoteAddr().String()).Port())
		clients, conns = append(clients, c), append(conns, conn)
	}
	for i, c := range clients {
		fmt.Fprint(conns[i], i)
		conns[i].Close()
		c.expect(226)
		require.Equal(t, fmt.Sprint(i), ts.readFile(t, fmt.Sprintf("f%d", i)))
	}
}

// Active.Dial makes the connections, if there is one: its errors are 425 and its panics
// end the session alone.
func TestActiveDial(t *testing.T) {
	failing := map[string]func() error{
		"error": func() error { return errors.New("no way there") },
		"panic": func() error { panic("boom") },
	}
	var fails atomic.Pointer[func() error]
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Active = &server.Active{SourcePort: 20, Dial: func(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
			if fail := fails.Load(); fail != nil {
				return nil, (*fail)()
			}
			require.Equal(t, "127.0.0.1:20", local.String())
			return new(net.Dialer).DialContext(ctx, "tcp", remote.String())
		}}
	})
	ts.writeFile(t, "a", "content")
	ln, to := port(t, "127.0.0.1:0")
	fetch := func(c *client) {
		c.cmd(200, "PORT %s", wire.FormatPort(to))
		c.cmd(150, "RETR a")
		conn, err := ln.Accept()
		require.NoError(t, err)
		require.Equal(t, "content", readAll(t, conn))
		conn.Close()
		c.expect(226)
	}
	witness := ts.loginClear(t)
	fetch(witness)
	for name, code := range map[string]int{"error": 425, "panic": 421} {
		c, fail := ts.loginClear(t), failing[name]
		fails.Store(&fail)
		c.cmd(200, "PORT %s", wire.FormatPort(to))
		c.cmd(150, "RETR a")
		c.expect(code)
		fails.Store(nil)
		fetch(witness)
	}
}

func TestActiveModeOff(t *testing.T) {
	c := start(t, insecure).loginClear(t)
	c.cmd(502, "PORT 127,0,0,1,200,0")
	c.cmd(502, "EPRT |1|127.0.0.1|51200|")
	require.NotContains(t, c.cmd(211, "FEAT").String(), "EPRT")
}

// Rows 1 and 2: PORT and EPRT are refused for another address, for a low port, and
// for other names of this host, and no packet leaves.
func TestBounce(t *testing.T) {
	ts := start(t, insecure, activeMode)
	ln, victim := port(t, "127.0.0.1:0")
	if runtime.GOOS == "linux" {
		ln, victim = port(t, "127.0.0.2:0")
	} else {
		victim = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), victim.Port())
	}
	c := ts.loginClear(t)
	for _, line := range []string{
		"PORT " + wire.FormatPort(victim), "EPRT " + eprt(victim),
		fmt.Sprintf("EPRT |2|::ffff:127.0.0.2|%d|", victim.Port()), fmt.Sprintf("EPRT |2|::1|%d|", victim.Port()),
		fmt.Sprintf("EPRT |1|0.0.0.0|%d|", victim.Port()), fmt.Sprintf("PORT 0,0,0,0,%d,%d", victim.Port()>>8, victim.Port()&255),
		fmt.Sprintf("PORT 127,0,0,258,%d,%d", victim.Port()>>8, victim.Port()&255), fmt.Sprintf("EPRT |1|localhost|%d|", victim.Port()),
		fmt.Sprintf("EPRT |1|127.0.0.02|%d|", victim.Port()), fmt.Sprintf("EPRT |1|127.2|%d|", victim.Port()),
		"PORT 127,0,0,1,0,25", "PORT 127,0,0,1,3,255", "EPRT |1|127.0.0.1|25|", "EPRT |1|127.0.0.1|0|", "PORT 127,0,0,1,0,0", "EPRT |1|127.0.0.1|65561|",
	} {
		c.send("%s", line)
		c.expect(501, 504, 522)
		c.cmd(425, "LIST")
	}
	ln.SetDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := ln.Accept()
	require.Error(t, err, "the server connected")
}

// PORT takes the place of PASV and gives the port of PASV back; PASV takes the
// place of PORT.
func TestPortReplacesPasv(t *testing.T) {
	ts := start(t, insecure, activeMode, func(srv *server.Server) { srv.Passive = onePort(t) })
	ts.writeFile(t, "a", "content")
	ln, at := port(t, "127.0.0.1:0")
	c := ts.loginClear(t)
	for range 3 {
		c.cmd(227, "PASV")
		c.cmd(200, "PORT %s", wire.FormatPort(at))
		require.Zero(t, ts.Passive.Stats().Leases)
	}
	c.cmd(150, "RETR a")
	conn, err := ln.Accept()
	require.NoError(t, err)
	require.Equal(t, "content", readAll(t, conn))
	c.expect(226)
	c.cmd(200, "PORT %s", wire.FormatPort(at))
	require.Equal(t, "content", c.get("RETR a"))
}

// InsecureAnyAddress has the server connect wherever the client says, to a port below 1024 as well.
func TestActiveAnyAddress(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) { srv.Active = &server.Active{InsecureAnyAddress: true} })
	ts.writeFile(t, "a", "content")
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no second address on loopback")
	}
	c := ts.loginClear(t)
	ln, at := port(t, "127.0.0.2:0")
	c.cmd(200, "PORT %s", wire.FormatPort(at))
	c.cmd(150, "RETR a")
	conn, err := ln.Accept()
	require.NoError(t, err)
	require.Equal(t, "content", readAll(t, conn))
	conn.Close()
	c.expect(226)
	c.cmd(200, "PORT 127,0,0,1,0,80")
}
