package passive

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// memNet is a network in memory, where time can be faked. The zero memNet is empty.
type memNet struct {
	mu        sync.Mutex
	listeners map[string]*memListener
	fail      func(address string) error // what Listen returns, nil to go on
	opened    int
	next      uint16
}

type memListener struct {
	net     *memNet
	addr    net.Addr
	conns   chan net.Conn
	errs    chan error // returned by Accept before any connection
	accepts atomic.Int64
	once    sync.Once
	closed  chan struct{}
}

type memConn struct {
	net.Conn
	remote net.Addr
	closes atomic.Int64
}

func (c *memConn) RemoteAddr() net.Addr { return c.remote }

func (c *memConn) Close() error {
	c.closes.Add(1)
	return c.Conn.Close()
}

// memPorts makes Ports on a network in memory. The caller closes them, within its bubble.
func memPorts(t testing.TB, set string) (*Ports, *memNet) {
	t.Helper()
	p, err := Range(set)
	require.NoError(t, err)
	n := new(memNet)
	p.Listen = n.Listen
	return p, n
}

func (n *memNet) Listen(_ context.Context, _, address string) (net.Listener, error) {
	n.mu.Lock()
	fail := n.fail
	n.mu.Unlock()
	if fail != nil {
		if err := fail(address); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	if at.Port() == 0 {
		n.next++
		at = netip.AddrPortFrom(at.Addr(), 40000+n.next)
	}
	if n.listeners[at.String()] != nil {
		return nil, errInUse
	}
	ln := &memListener{net: n, addr: net.TCPAddrFromAddrPort(at), conns: make(chan net.Conn, 128), errs: make(chan error, 1000), closed: make(chan struct{})}
	if n.listeners == nil {
		n.listeners = make(map[string]*memListener)
	}
	n.listeners[at.String()] = ln
	n.opened++
	return ln, nil
}

func (n *memNet) at(port uint16) *memListener {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listeners[netip.AddrPortFrom(local, port).String()]
}

// dial connects from an address; nil when nobody listens. The second end is the server's.
func (n *memNet) dial(from netip.Addr, port uint16) (client net.Conn, server *memConn) {
	ln := n.at(port)
	if ln == nil {
		return nil, nil
	}
	c, s := net.Pipe()
	server = &memConn{Conn: s, remote: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 5555))}
	select {
	case ln.conns <- server:
		return c, server
	case <-ln.closed:
		return nil, nil
	}
}

func (ln *memListener) Accept() (net.Conn, error) {
	ln.accepts.Add(1)
	select {
	case err := <-ln.errs:
		return nil, err
	default:
	}
	select {
	case c := <-ln.conns:
		return c, nil
	case err := <-ln.errs:
		return nil, err
	case <-ln.closed:
		return nil, net.ErrClosed
	}
}

func (ln *memListener) Close() error {
	ln.once.Do(func() {
		ln.net.mu.Lock()
		delete(ln.net.listeners, ln.addr.String())
		ln.net.mu.Unlock()
		close(ln.closed)
	})
	return nil
}

func (ln *memListener) Addr() net.Addr { return ln.addr }

var errInUse = &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
