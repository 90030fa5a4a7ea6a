package passive

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestLease(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 3))
	l := lease(t, p, ask(local))
	require.Contains(t, slices.Collect(p.Numbers()), l.Port())
	require.Equal(t, Stats{Listeners: 1, Leases: 1, Leased: 1}, p.Stats())
	at, err := l.Announced(t.Context())
	require.NoError(t, err)
	require.Equal(t, netip.AddrPortFrom(local, l.Port()), at)

	client := dial(t, local, l.Port())
	server := accept(t, l)
	same(t, client, server)
	require.Equal(t, Stats{Listeners: 1, Leased: 1, Accepted: 1}, p.Stats())

	require.NoError(t, l.Close())
	_, err = client.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(server, make([]byte, 1))
	require.NoError(t, err, "a connection that was taken outlives its lease")
	_, err = l.Accept(t.Context())
	require.ErrorIs(t, err, ErrClosed)
}

func TestLeaseIPv6(t *testing.T) {
	six := netip.IPv6Loopback()
	if ln, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		ln.Close()
	}
	for _, r := range []Request{{Client: six, Local: six}, {Client: six}} {
		p := ports(t, testenv.FreePortSet(t, 1))
		l := lease(t, p, r)
		client := dial(t, six, l.Port())
		same(t, client, accept(t, l))
	}
}

// One wildcard port serves both families, and IPv4 clients are themselves there.
func TestLeaseWildcard(t *testing.T) {
	many(t)
	p := ports(t, testenv.FreePortSet(t, 1))
	mapped := lease(t, p, Request{Client: netip.MustParseAddr("::ffff:127.0.0.2")})
	other := lease(t, p, Request{Client: bob, Local: netip.IPv6Unspecified()})
	require.Equal(t, mapped.Port(), other.Port())
	require.Equal(t, 1, p.Stats().Listeners)
	b := dial(t, bob, other.Port())
	a := dial(t, alice, mapped.Port())
	require.Equal(t, a.LocalAddr().(*net.TCPAddr).Port, accept(t, mapped).RemoteAddr().(*net.TCPAddr).Port)
	require.Equal(t, b.LocalAddr().(*net.TCPAddr).Port, accept(t, other).RemoteAddr().(*net.TCPAddr).Port)
	_, err := mapped.Announced(t.Context())
	require.ErrorContains(t, err, "the address the client dialled is unknown")
}

func TestLeaseWithoutClient(t *testing.T) {
	_, err := ports(t, "21000").Lease(t.Context(), Request{Local: local})
	require.ErrorContains(t, err, "Request.Client")
}

// SECURITY-CASES 3: a stranger is turned away and the owner is still served.
func TestStranger(t *testing.T) {
	many(t)
	var log journal
	p := ports(t, testenv.FreePortSet(t, 1))
	p.Logger = log.logger()
	l := lease(t, p, Request{Client: alice, Local: local, Session: "s1"})
	for range 3 {
		turnedAway(t, eve, l.Port())
	}
	client := dial(t, alice, l.Port())
	same(t, client, accept(t, l))
	// A rejected connection is not kept for whoever comes next.
	turnedAway(t, eve, l.Port())
	next := lease(t, p, ask(alice))
	client = dial(t, alice, next.Port())
	same(t, client, accept(t, next))
	require.EqualValues(t, 4, p.Stats().Strangers)
	require.Contains(t, log.lines()[0], "from=127.0.0.66 expected=127.0.0.2 session=s1")
	require.Eventually(t, func() bool { return len(log.lines()) == 4 }, 5*time.Second, time.Millisecond)
	require.NotContains(t, log.lines()[3], "expected")
}

// The last free port of a set is found, wherever it is in the set.
func TestLastFreePort(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 40))
	var leases []*Lease
	taken := make(map[uint16]bool)
	for range 40 {
		l := lease(t, p, ask(alice))
		require.False(t, taken[l.Port()], "port %d twice", l.Port())
		taken[l.Port()] = true
		leases = append(leases, l)
	}
	for _, l := range leases {
		require.NoError(t, l.Close())
		require.Equal(t, l.Port(), lease(t, p, ask(alice)).Port())
	}
}

// The second connection from the right address is a stranger, too.
func TestSecondConnection(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	l := lease(t, p, ask(local))
	first := dial(t, local, l.Port())
	server := accept(t, l)
	turnedAway(t, local, l.Port())
	same(t, first, server)
	require.EqualValues(t, 1, p.Stats().Strangers)
}

// The connection may come before Accept; then closing the lease closes it.
func TestEarlyConnection(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	l := lease(t, p, ask(local))
	early := dial(t, local, l.Port())
	require.Eventually(t, func() bool { return p.Stats().Untaken == 1 }, 5*time.Second, time.Millisecond)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := l.Accept(ended)
	require.NoError(t, err, "what is there is not lost")
	same(t, early, c)

	l = lease(t, p, ask(local))
	untaken := dial(t, local, l.Port())
	require.Eventually(t, func() bool { return p.Stats().Untaken == 1 }, 5*time.Second, time.Millisecond)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	refused(t, untaken)
	_, err = l.Accept(t.Context())
	require.ErrorIs(t, err, ErrClosed)
	quiet(t, p)
}

// An ABOR is not held up by a server waiting for the data connection.
func TestCloseEndsAccept(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	l := lease(t, p, ask(local))
	errs := make(chan error)
	go func() {
		_, err := l.Accept(context.Background())
		errs <- err
	}()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-errs, ErrClosed)
	quiet(t, p)
}

func TestAcceptContext(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	l := lease(t, p, ask(local))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Accept(ctx)
	require.ErrorIs(t, err, context.Canceled)
	client := dial(t, local, l.Port())
	same(t, client, accept(t, l))
}

// A lease is ended as itself and not by its address: nothing done to an old lease touches the next one.
func TestOldLeaseLeavesNextAlone(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	taken := lease(t, p, ask(local))
	dial(t, local, taken.Port())
	accept(t, taken)
	abandoned := lease(t, p, ask(local))
	require.NoError(t, abandoned.Close())

	l := lease(t, p, ask(local))
	require.NoError(t, taken.Close())
	require.NoError(t, abandoned.Close())
	abandoned.expire()
	require.Equal(t, 1, p.Stats().Leases)
	client := dial(t, local, l.Port())
	same(t, client, accept(t, l))
}

// COMPATIBILITY 42: what is abandoned is free at once, also when there was no address to announce.
func TestAbandoned(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	p.Wait = -1
	p.Announce = AnnounceFunc(func(context.Context, netip.Addr, netip.Addr) (netip.Addr, error) {
		return netip.Addr{}, io.ErrUnexpectedEOF
	})
	for range 20 {
		l, err := p.Lease(t.Context(), ask(local))
		require.NoError(t, err)
		_, err = l.Announced(t.Context())
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NoError(t, l.Close())
	}
	quiet(t, p)
}

// COMPATIBILITY 43: no TIME_WAIT and no leftover keeps one port from serving on.
func TestThousandThroughOnePort(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	p.Wait = -1
	for range 1000 {
		l, err := p.Lease(t.Context(), ask(local))
		require.NoError(t, err)
		client, err := tryDial(local, l.Port())
		require.NoError(t, err)
		server, err := l.Accept(t.Context())
		require.NoError(t, err)
		same(t, client, server)
		require.NoError(t, server.Close())
		require.NoError(t, client.Close())
		require.NoError(t, l.Close())
	}
	quiet(t, p)
	require.Equal(t, 1, p.Stats().Listeners)
	require.EqualValues(t, 1000, p.Stats().Accepted)
}

// A running transfer occupies no port.
func TestTransfersShareOnePort(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	p.Wait = -1
	for range 50 {
		l := lease(t, p, ask(local))
		client := dial(t, local, l.Port())
		same(t, client, accept(t, l))
	}
}

func TestInsecureAnyPeer(t *testing.T) {
	many(t)
	p := ports(t, testenv.FreePortSet(t, 1))
	p.InsecureAnyPeer, p.Wait = true, -1
	l := lease(t, p, ask(alice))
	_, err := p.Lease(t.Context(), ask(bob))
	require.ErrorIs(t, err, ErrBusy, "with nothing to tell clients apart, they do not share")
	client := dial(t, eve, l.Port())
	same(t, client, accept(t, l))
}

func TestOffset(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	p.Offset, p.Announce = -1000, Address("203.0.113.7")
	l := lease(t, p, ask(local))
	at, err := l.Announced(t.Context())
	require.NoError(t, err)
	require.Equal(t, netip.AddrPortFrom(netip.MustParseAddr("203.0.113.7"), l.Port()-1000), at)
	require.Equal(t, at.Port(), l.AnnouncedPort())
	client := dial(t, local, l.Port())
	same(t, client, accept(t, l))

	p = ports(t, testenv.FreePortSet(t, 1))
	p.Offset = 60000
	_, err = p.Lease(t.Context(), ask(local))
	require.ErrorContains(t, err, "which is no port")
	quiet(t, p)
	require.Zero(t, p.Stats().Listeners)
}

// The first and the last number there is can be announced, those beside them can't.
func TestOffsetLimits(t *testing.T) {
	for told, good := range map[int]bool{0: false, 1: true, 65535: true, 65536: false} {
		p, _ := memPorts(t, "21000")
		p.Offset = told - 21000
		l, err := p.Lease(t.Context(), ask(alice))
		if !good {
			require.ErrorContains(t, err, fmt.Sprintf("announced as %d, which is no port", told))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, uint16(told), l.AnnouncedPort())
		require.NoError(t, p.Close())
	}
}

func TestAny(t *testing.T) {
	many(t)
	p := Any()
	defer p.Close()
	a, b := lease(t, p, ask(alice)), lease(t, p, ask(bob))
	require.Equal(t, a.Port(), b.Port(), "clients share")
	require.NotZero(t, a.Port())
	second := lease(t, p, ask(alice))
	require.NotEqual(t, a.Port(), second.Port())
	require.Equal(t, 2, p.Stats().Listeners)
	for l, from := range map[*Lease]netip.Addr{a: alice, b: bob, second: alice} {
		client := dial(t, from, l.Port())
		same(t, client, accept(t, l))
	}
}

// However many leases one client asks for, the listeners are limited.
func TestAnyLimit(t *testing.T) {
	p, _ := memPorts(t, "any")
	defer p.Close()
	p.Wait = -1
	for range anyLimit {
		lease(t, p, ask(alice))
	}
	_, err := p.Lease(t.Context(), ask(alice))
	require.ErrorIs(t, err, ErrBusy)
	lease(t, p, ask(bob))
	require.Equal(t, anyLimit, p.Stats().Listeners)
}

func TestPortsClose(t *testing.T) {
	set := testenv.FreePortSet(t, 1)
	p := ports(t, set)
	p.Wait = time.Hour
	connected := lease(t, p, ask(local))
	client := dial(t, local, connected.Port())
	require.Eventually(t, func() bool { return p.Stats().Untaken == 1 }, 5*time.Second, time.Millisecond)
	pending := lease(t, p, ask(local))
	errs := make(chan error, 2)
	go func() {
		_, err := pending.Accept(context.Background())
		errs <- err
	}()
	go func() {
		_, err := p.Lease(context.Background(), ask(local))
		errs <- err
	}()
	require.Eventually(t, func() bool { return p.Stats().Waiting == 1 }, 5*time.Second, time.Millisecond)
	require.NoError(t, p.Close())
	require.ErrorIs(t, <-errs, ErrClosed)
	require.ErrorIs(t, <-errs, ErrClosed)
	refused(t, client)
	quiet(t, p)
	require.Zero(t, p.Stats().Listeners)
	require.NoError(t, p.Close())
	_, err := p.Lease(t.Context(), ask(local))
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, ports(t, set).Check(t.Context(), local), "the port is free again")
}

// Whatever MPTCP's default is, data connections are plain TCP.
func TestNoMultipath(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	l := lease(t, p, ask(local))
	dial(t, local, l.Port())
	c := accept(t, l).(*net.TCPConn)
	mp, err := c.MultipathTCP()
	require.NoError(t, err)
	require.False(t, mp)
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"::ffff:10.0.0.1": "10.0.0.1", "10.0.0.1": "10.0.0.1", "2001:db8::1%eth0": "2001:db8::1", "fe80::1%eth0": "fe80::1%eth0", "::1%1": "::1",
	} {
		require.Equal(t, want, plain(netip.MustParseAddr(in)).String())
	}
	require.False(t, plain(netip.Addr{}).IsValid())
	require.False(t, addrOf(nil).IsValid())
	require.False(t, addrOf(&net.UnixAddr{Name: "x"}).IsValid())
	require.Equal(t, alice, addrOf(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: 1}))
}
