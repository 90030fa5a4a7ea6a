// Package memnet is a network in memory, where testing/synctest can fake the time.
package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// Net has listeners, and connections to them. The zero Net is empty.
type Net struct {
	// Listen calls Fail first and returns its error if there is one. A nil Fail never
	// fails.
	Fail func(address string) error

	mu        sync.Mutex
	listeners map[netip.AddrPort]*Listener
	next      uint16
	opened    int
}

// ErrInUse is the error of Listen for an address that somebody listens on.
var ErrInUse error = &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}

// Listen opens a listener, in the form that passive.Ports wants. Port 0 stands for a free one.
func (n *Net) Listen(_ context.Context, _, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err == nil && n.Fail != nil {
		err = n.Fail(address)
	}
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Port() == 0 {
		n.next++
		at = netip.AddrPortFrom(at.Addr(), 40000+n.next)
	}
	if n.listeners[at] != nil {
		return nil, ErrInUse
	}
	if n.listeners == nil {
		n.listeners = make(map[netip.AddrPort]*Listener)
	}
	ln := &Listener{net: n, at: at, conns: make(chan *Conn, 128), Errs: make(chan error, 1000), closed: make(chan struct{})}
	n.listeners[at] = ln
	n.opened++
	return ln, nil
}

// At returns who listens on an address, nil for nobody.
func (n *Net) At(at netip.AddrPort) *Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listeners[at]
}

// Opened returns how many listeners there have been.
func (n *Net) Opened() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opened
}

// Connect opens a connection with a buffer of that many bytes each way, and returns both
// ends; nil when nobody listens.
func (n *Net) Connect(from, to netip.AddrPort, buffer int) (client, server *Conn) {
	ln := n.At(to)
	if ln == nil {
		return nil, nil
	}
	client, server = Pair(from, to, buffer)
	select {
	case ln.conns <- server:
		ln.reject()
		return client, server
	case <-ln.closed:
		return nil, nil
	}
}

// Listener is a listener of a Net.
type Listener struct {
	Errs    chan error   // returned by Accept before any connection
	Accepts atomic.Int64 // calls of Accept

	net    *Net
	at     netip.AddrPort
	conns  chan *Conn
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a connection, or for one of Errs.
func (ln *Listener) Accept() (net.Conn, error) {
	ln.Accepts.Add(1)
	select {
	case err := <-ln.Errs:
		return nil, err
	default:
	}
	select {
	case c := <-ln.conns:
		return c, nil
	case err := <-ln.Errs:
		return nil, err
	case <-ln.closed:
		return nil, net.ErrClosed
	}
}

// Close makes the address free, and closes connections that were not accepted.
func (ln *Listener) Close() error {
	ln.once.Do(func() {
		ln.net.mu.Lock()
		delete(ln.net.listeners, ln.at)
		ln.net.mu.Unlock()
		close(ln.closed)
	})
	ln.reject()
	return nil
}

// reject closes the connections that a closed listener has not accepted.
func (ln *Listener) reject() {
	for {
		select {
		case <-ln.closed:
		default:
			return
		}
		select {
		case c := <-ln.conns:
			c.Close()
		default:
			return
		}
	}
}

// Addr returns the address listened on.
func (ln *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(ln.at) }
