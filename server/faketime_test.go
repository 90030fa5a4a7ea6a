package server_test

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/memnet"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// Ports of a fakeServer.
const (
	explicitPort = 21
	implicitPort = 990
)

// buffer is how many bytes a connection of a fakeServer holds each way: about what
// a kernel grants.
const buffer = 64 << 10

var (
	memServer = netip.MustParseAddr("192.0.2.1")
	memClient = netip.MustParseAddr("198.51.100.7")
)

// listenMem opens a port of the server's.
func listenMem(t testing.TB, network *memnet.Net, port uint16) net.Listener {
	t.Helper()
	ln, err := network.Listen(t.Context(), "tcp", netip.AddrPortFrom(memServer, port).String())
	require.NoError(t, err)
	return ln
}

// fakeServer is a server on a network in memory, for tests in fake time.
type fakeServer struct{ *testServer }

// fake runs f in fake time with a server whose data ports are 21000 to 21003.
// InsecurePlaintext is on, so that a test needs TLS only when it is about TLS.
func fake(t *testing.T, f func(*testing.T, *fakeServer), options ...func(*server.Server)) {
	t.Helper()
	certificate() // made now, so that it is valid by the real time
	synctest.Test(t, func(t *testing.T) {
		fs := &fakeServer{&testServer{FS: driver.Mem(), Log: new(testenv.Buffer), Config: trust(certificate()), net: new(memnet.Net)}}
		fs.Config.InsecureSkipVerify = true // the fake clock starts before the certificate does
		ports, err := passive.Range("21000-21003")
		require.NoError(t, err)
		ports.Listen = fs.net.Listen
		fs.Server = &server.Server{
			Driver: driver.User(testUser, testPassword, fs.FS), TLS: certificate(), Passive: ports, InsecurePlaintext: true,
			Logger: slog.New(slog.NewTextHandler(fs.Log, &slog.HandlerOptions{Level: slog.LevelDebug})), Hooks: fs.hooks(),
		}
		for _, option := range options {
			option(fs.Server)
		}
		explicit, implicit := listenMem(t, fs.net, explicitPort), listenMem(t, fs.net, implicitPort)
		fs.Addr, fs.ImplicitAddr = explicit.Addr().String(), implicit.Addr().String()
		done := make(chan error, 2)
		go func() { done <- fs.Serve(explicit) }()
		go func() { done <- fs.ServeTLS(implicit) }()
		t.Cleanup(func() {
			fs.Close()
			fs.Passive.Close()
			require.ErrorIs(t, <-done, server.ErrServerClosed)
			require.ErrorIs(t, <-done, server.ErrServerClosed)
		})
		synctest.Wait()
		f(t, fs)
	})
}

// patient is a client's connection that never times out: in fake time it is the
// server that must.
type patient struct{ *memnet.Conn }

func (patient) SetDeadline(time.Time) error      { return nil }
func (patient) SetReadDeadline(time.Time) error  { return nil }
func (patient) SetWriteDeadline(time.Time) error { return nil }

// tcp connects to a port of the server's from an address.
func (ts *testServer) tcp(t testing.TB, from netip.Addr, port uint16, buffer int) net.Conn {
	t.Helper()
	c, _ := ts.net.Connect(netip.AddrPortFrom(from, 50000), netip.AddrPortFrom(memServer, port), buffer)
	require.NotNil(t, c, "nobody listens on port %d", port)
	t.Cleanup(func() { c.Close() })
	return patient{c}
}

// from returns a client at an address, before the greeting.
func (fs *fakeServer) from(t testing.TB, addr string) *client {
	t.Helper()
	return newClient(t, fs.tcp(t, netip.MustParseAddr(addr), explicitPort, buffer), fs.Config)
}

// in returns a client that has logged in in clear.
func (fs *fakeServer) in(t testing.TB) *client {
	t.Helper()
	c := fs.from(t, memClient.String())
	c.expect(220)
	c.login()
	c.cmd(200, "TYPE I")
	return c
}

// inTLS returns a client that has logged in with TLS and data protected.
func (fs *fakeServer) inTLS(t testing.TB) *client {
	t.Helper()
	c := fs.from(t, memClient.String())
	c.expect(220)
	c.authTLS()
	c.login()
	c.protect()
	c.cmd(200, "TYPE I")
	return c
}

// data sends PASV and connects to the port it names.
func (fs *fakeServer) data(t testing.TB, c *client, buffer int) net.Conn {
	t.Helper()
	at, err := wire.ParsePasvReply(c.cmd(227, "PASV").String())
	require.NoError(t, err)
	from, _, err := net.SplitHostPort(c.Conn.LocalAddr().String())
	require.NoError(t, err)
	return fs.tcp(t, netip.MustParseAddr(from), at.Port(), buffer)
}

// after demands that f takes so long, to the nanosecond.
func after(t testing.TB, want time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	require.Equal(t, want, time.Since(start))
}
