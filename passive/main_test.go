package passive

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var (
	alice = netip.MustParseAddr("127.0.0.2")
	bob   = netip.MustParseAddr("127.0.0.3")
	eve   = netip.MustParseAddr("127.0.0.66")
	local = netip.MustParseAddr("127.0.0.1")
)

func ask(client netip.Addr) Request { return Request{Client: client, Local: local} }

// ports makes Ports from a set and closes them with the test.
func ports(t testing.TB, set string) *Ports {
	t.Helper()
	p, err := Range(set)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// many skips a test that needs more loopback addresses than some systems have.
func many(t testing.TB) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("only 127.0.0.1 is configured here")
	}
}

// dial connects to a port of this host from an address of it.
func dial(t testing.TB, from netip.Addr, port uint16) net.Conn {
	t.Helper()
	c, err := tryDial(from, port)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func tryDial(from netip.Addr, port uint16) (net.Conn, error) {
	to := local
	if from.Is6() {
		to = netip.IPv6Loopback()
	}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: 5 * time.Second}
	return d.Dial("tcp", netip.AddrPortFrom(to, port).String())
}

// same asserts that two ends are of one connection.
func same(t testing.TB, client, server net.Conn) {
	t.Helper()
	require.Equal(t, client.LocalAddr().String(), server.RemoteAddr().String())
	require.Equal(t, client.RemoteAddr().String(), server.LocalAddr().String())
}

// refused asserts that the other side closed c without a byte.
func refused(t testing.TB, c net.Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// turnedAway asserts that a connection is refused, which may happen before the connecting side knows it was there.
func turnedAway(t testing.TB, from netip.Addr, port uint16) {
	t.Helper()
	c, err := tryDial(from, port)
	if err != nil {
		if runtime.GOOS != "windows" { // Windows has another number for it
			require.ErrorIs(t, err, syscall.ECONNRESET)
		}
		return
	}
	defer c.Close()
	refused(t, c)
}

func lease(t testing.TB, p *Ports, r Request) *Lease {
	t.Helper()
	l, err := p.Lease(t.Context(), r)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

func accept(t testing.TB, l *Lease) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := l.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// quiet asserts that nothing is left but counters and idle listeners.
func quiet(t testing.TB, p *Ports) {
	t.Helper()
	s := p.Stats()
	require.Zero(t, s.Leases)
	require.Zero(t, s.Untaken)
	require.Zero(t, s.Waiting)
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(t, p.queues)
	for _, d := range p.doors {
		require.Empty(t, d.groups)
		require.Empty(t, d.proofs)
		require.Empty(t, d.provers.list)
		require.Zero(t, d.roaming)
	}
}

// journal is a log to look into.
type journal struct{ testenv.Buffer }

func (j *journal) lines() []string { return strings.Split(strings.TrimSuffix(j.String(), "\n"), "\n") }

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}
