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

// heldFor returns the held data port that serves an address: the same port, on the same address or on all. It returns
// nil for none.
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

// dataAddr reads the address of a data port, where no host is the zero Addr.
func dataAddr(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host == "" {
		at, err := netip.ParseAddrPort("0.0.0.0:" + port)
		return netip.AddrPortFrom(netip.Addr{}, at.Port()), err
	}
	at, err := netip.ParseAddrPort(address)
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), err
}

// holdData opens all data ports for as long as this process lives, where the control listeners are.
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
			if ln, err := tcp.Listen(ctx, "tcp", address); err == nil { // what can't be had the check says
				held = append(held, ln)
			}
		}
	}
	return held
}

// listenChecked opens a data port to see whether that is possible. Those that are held are open.
func (d *daemon) listenChecked(ctx context.Context, network, address string) (net.Listener, error) {
	if ln := heldFor(d.held, address); ln != nil {
		return staysOpen{ln}, nil
	}
	return tcp.Listen(ctx, network, address)
}

// staysOpen is a listener that is not closed.
type staysOpen struct{ net.Listener }

func (staysOpen) Close() error { return nil }

// listenData opens a data port: its own listener, or a share of one that is held.
func (d *daemon) listenData(ctx context.Context, network, address string) (net.Listener, error) {
	if ln := heldFor(d.held, address); ln != nil {
		return d.inUse.listen(ln, address)
	}
	return tcp.Listen(ctx, network, address)
}

// sharedPorts are the data ports that are held open by somebody and used here. Ready when zero.
type sharedPorts struct {
	mu  sync.Mutex
	all map[string]*sharedPort // by address
}

// listen returns a listener that gets the connections which come to an address of a held port, until it is closed.
// Otherwise what comes to the port is refused.
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
		dropWaiting(ln) // they came when no lease was there
		p = &sharedPort{Listener: ln, shares: map[netip.Addr]*portShare{}}
		if s.all == nil {
			s.all = map[string]*sharedPort{}
		}
		s.all[name] = p
		go p.accept()
	} else if p.Listener != ln {
		ln.Close() // it is the same once more
	}
	return p.share(at.Addr())
}

// uses reports whether connections of a held port are accepted here.
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

// release gives up all held ports, each when it has no share any more.
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

// sharedPort is a listener whose connections are told apart by the address of this host that they came to.
type sharedPort struct {
	net.Listener

	mu     sync.Mutex
	shares map[netip.Addr]*portShare // the zero Addr has what no other has
	closed bool

	released bool // the last share closes the listener
}

// closeUnused closes a listener that was given up. The caller holds mu.
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

// acceptPause comes after an accept that failed, for want of descriptors for example.
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

// give gives a connection to whom it is for, or closes it.
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

// Close ends the share. The port stays open.
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
