package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/tcp"
)

// heldFor returns the held data port that serves an address: the same port on the same or on every address; nil for
// none.
func heldFor(held []net.Listener, address string) net.Listener {
	want, err := dataAddr(address)
	if err != nil || want.Port() == 0 {
		return nil
	}
	for _, ln := range held {
		at := ln.Addr().(*net.TCPAddr).AddrPort()
		if at.Port() == want.Port() && (at.Addr().IsUnspecified() || at.Addr().Unmap() == want.Addr()) {
			return ln
		}
	}
	return nil
}

// dataAddr parses the address of a data port. An empty host yields the zero Addr.
func dataAddr(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host == "" {
		at, err := netip.ParseAddrPort("0.0.0.0:" + port)
		return netip.AddrPortFrom(netip.Addr{}, at.Port()), err
	}
	at, err := netip.ParseAddrPort(address)
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), err
}

// holdData opens all data ports, on the addresses of the control listeners, for as long as this process lives.
func (d *daemon) holdData(ctx context.Context, addrs []netip.Addr) (held []net.Listener) {
	if len(addrs) == 0 {
		addrs = []netip.Addr{netip.IPv6Unspecified()}
	}
	for n := range d.ports.Numbers() {
		for _, a := range addrs {
			address := netip.AddrPortFrom(a, n).String()
			if heldFor(d.held, address) != nil {
				continue
			}
			if ln, err := tcp.Listen(ctx, "tcp", address); err == nil { // the check reports failures
				held = append(held, ln)
			}
		}
	}
	return held
}

// listenChecked opens a data port to see whether it can be opened. A held port is open already.
func (d *daemon) listenChecked(ctx context.Context, network, address string) (net.Listener, error) {
	if ln := heldFor(d.held, address); ln != nil {
		return staysOpen{ln}, nil
	}
	return tcp.Listen(ctx, network, address)
}

// staysOpen is a listener whose Close does nothing.
type staysOpen struct{ net.Listener }

func (staysOpen) Close() error { return nil }

// listenData opens a data port. It returns a listener of its own, or a share of the listener if the port is held.
func (d *daemon) listenData(ctx context.Context, network, address string) (net.Listener, error) {
	if ln := heldFor(d.held, address); ln != nil {
		return d.inUse.listen(ln, address)
	}
	return tcp.Listen(ctx, network, address)
}

// sharedPorts holds the held data ports whose connections this process accepts. The zero value is ready.
type sharedPorts struct {
	mu  sync.Mutex
	all map[string]*sharedPort // by address
}

// listen returns a listener for the connections to one address of a held port. Connections to addresses without such
// a listener are closed.
func (s *sharedPorts) listen(ln net.Listener, address string) (net.Listener, error) {
	at, err := dataAddr(address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := ln.Addr().String()
	p := s.all[name]
	if p == nil {
		dropWaiting(ln) // drops connections from before there was a lease
		p = &sharedPort{Listener: ln, shares: map[netip.Addr]*portShare{}}
		if s.all == nil {
			s.all = map[string]*sharedPort{}
		}
		s.all[name] = p
		go p.accept()
	} else if p.Listener != ln {
		ln.Close() // closes the copy of a listener that is there already
	}
	return p.share(at.Addr())
}

// uses reports whether this process accepts connections of a held port.
func (s *sharedPorts) uses(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.all[name]
	if p != nil && p.isClosed() {
		delete(s.all, name)
		return false
	}
	return p != nil
}

// release gives up all held ports. Each is closed once it has no share left.
func (s *sharedPorts) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.all {
		p.mu.Lock()
		p.released = true
		p.closeUnused()
		p.mu.Unlock()
	}
}

// sharedPort is a listener whose connections go to different shares by the address of this host that each came to.
type sharedPort struct {
	net.Listener

	mu     sync.Mutex
	shares map[netip.Addr]*portShare // the zero Addr gets connections to addresses that have no share
	closed bool

	released bool // the last share closes the listener
}

// closeUnused closes a listener that was released and has no share left. The caller holds mu.
func (p *sharedPort) closeUnused() {
	if p.released && len(p.shares) == 0 && !p.closed {
		p.closed = true
		p.Listener.Close()
	}
}

func (p *sharedPort) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

func (p *sharedPort) share(at netip.Addr) (net.Listener, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, net.ErrClosed
	}
	if p.shares[at] != nil {
		return nil, errors.New("the data port is open already")
	}
	s := &portShare{port: p, at: at, conns: make(chan net.Conn), quit: make(chan struct{})}
	p.shares[at] = s
	return s, nil
}

// acceptPause is the pause after an accept that has failed, as for lack of descriptors.
const acceptPause = 50 * time.Millisecond

// accept gives connections to the shares until the listener is closed.
func (p *sharedPort) accept() {
	for {
		conn, err := p.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			p.mu.Lock()
			p.closed = true
			for _, s := range p.shares {
				close(s.quit)
			}
			clear(p.shares)
			p.mu.Unlock()
			return
		case err != nil:
			time.Sleep(acceptPause)
			continue
		}
		p.give(conn)
	}
}

// give passes a connection to the share of its address, or closes it if there is none.
func (p *sharedPort) give(conn net.Conn) {
	at := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	p.mu.Lock()
	s := p.shares[at]
	if s == nil {
		s = p.shares[netip.Addr{}]
	}
	p.mu.Unlock()
	if s != nil {
		select {
		case s.conns <- conn:
			return
		case <-s.quit:
		}
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// portShare is the listener of one address of a shared port.
type portShare struct {
	port  *sharedPort
	at    netip.Addr
	conns chan net.Conn
	quit  chan struct{}
}

func (s *portShare) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.quit:
		return nil, net.ErrClosed
	}
}

// Close ends the share. The port stays open unless it was released and this was its last share.
func (s *portShare) Close() error {
	s.port.mu.Lock()
	defer s.port.mu.Unlock()
	if s.port.shares[s.at] == s {
		delete(s.port.shares, s.at)
		close(s.quit)
	}
	s.port.closeUnused()
	return nil
}

func (s *portShare) Addr() net.Addr { return s.port.Addr() }
