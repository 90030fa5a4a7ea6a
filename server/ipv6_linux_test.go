package server_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// inNamespace marks the process that runs a test in a network namespace of its own.
const inNamespace = "SALLYPORT_TEST_NAMESPACE"

// namespaced runs a test in a network namespace of its own, in a process of its
// own. Every address of 2001:db8::/32 is this host's there. It returns true in that
// process.
func namespaced(t *testing.T) bool {
	t.Helper()
	ip := testenv.NeedBinary(t, "ip")
	if os.Getenv(inNamespace) == "" {
		testenv.NeedRoot(t)
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inNamespace+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.NotContains(t, string(out), "SKIP")
		return false
	}
	for _, line := range [][]string{
		{"link", "set", "lo", "up"},
		{"-6", "route", "add", "local", "2001:db8::/32", "dev", "lo"},
	} {
		out, err := exec.CommandContext(t.Context(), ip, line...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, os.WriteFile("/proc/sys/net/ipv6/ip_nonlocal_bind", []byte("1"), 0))
	return true
}

// host6 returns an address of one of many networks of 64 bits.
func host6(network, host int) string { return fmt.Sprintf("2001:db8:0:%x::%x", network, host) }

// dialFrom connects from an address of this host.
func dialFrom(t testing.TB, from, to string) net.Conn {
	t.Helper()
	conn, err := tryFrom(t, from, to)
	require.NoError(t, err)
	return &ftpclient.TCPConn{TCPConn: conn.(*net.TCPConn)}
}

func tryFrom(t testing.TB, from, to string) (net.Conn, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := d.Dial("tcp", to)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// start6 does what start does, on an IPv6 address, for clients that come from other
// addresses.
func start6(t *testing.T, options ...func(*server.Server)) (ts *testServer, from func(network, host int) *client) {
	t.Helper()
	ts = start(t, options...)
	ln, err := net.Listen("tcp", "[2001:db8::1]:0")
	require.NoError(t, err)
	addr := ts.listenOn(t, ln, ts.Serve)
	return ts, func(network, host int) *client {
		t.Helper()
		return newClient(t, dialFrom(t, host6(network, host), addr), ts.Config)
	}
}

// Row 56, over addresses of the system: somebody who has an IPv6 network of 64 bits
// is one client, whichever of its addresses sessions, guesses and data connections
// come from.
func TestIPv6NetworkIsOneClient(t *testing.T) {
	if !namespaced(t) {
		return
	}
	t.Run("sessions", oneNetworksSessions)
	t.Run("guesses", oneNetworksGuesses)
	t.Run("data connections", oneNetworksDataConnections)
}

func oneNetworksSessions(t *testing.T) {
	_, from := start6(t, func(srv *server.Server) { srv.MaxSessionsPerAddress = 10 })
	for i := range 10 {
		from(1, i+1).expect(220)
	}
	for i := range 100 {
		from(1, i+100).expect(421)
	}
	from(2, 1).expect(220)
}

// oneNetworksGuesses shows that no more than two guesses of a network are judged at
// once, and that guesses of other networks are judged meanwhile.
func oneNetworksGuesses(t *testing.T) {
	var judged atomic.Int32
	answer := make(chan struct{})
	ts, from := start6(t, insecure, func(srv *server.Server) {
		srv.MaxLogins = 20
		inner := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			if l.User != testUser {
				judged.Add(1)
				<-answer
			}
			return inner.Login(ctx, l)
		})
	})
	guessers := make([]*client, 30)
	for i := range guessers {
		guessers[i] = from(1, i+1)
		guessers[i].expect(220)
		guessers[i].cmd(331, "USER bob%d", i)
		guessers[i].send("PASS wrong")
	}
	eventually(t, "two guesses", func() bool { return judged.Load() == 2 })
	honest := from(2, 1)
	honest.expect(220)
	honest.login()
	require.EqualValues(t, 2, judged.Load())
	close(answer)
	guessers[0].expect(530)
	ts.Close()
}

// oneNetworksDataConnections shows that connections of one network without a lease
// leave room at a data port. A client whose data connection comes from another
// network as well gets that room.
func oneNetworksDataConnections(t *testing.T) {
	ports, err := passive.Range(testenv.FreePortSet(t, 1))
	require.NoError(t, err)
	ts, from := start6(t, func(srv *server.Server) { srv.Passive = ports })
	ts.writeFile(t, "a", "content")
	c := from(3, 1)
	c.expect(220)
	c.authTLS()
	c.login()
	c.protect()
	at := c.epsv()
	for i := range 200 {
		_, _ = tryFrom(t, host6(1, i+1), at) // may be refused before the dial returns
	}
	own := dialFrom(t, host6(4, 1), at)
	c.cmd(150, "RETR a")
	require.Equal(t, "content", readAll(t, c.dataTLS(own)))
	c.expect(226)
}
