package proxyproto

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/internal/networks"
	"github.com/sallyport/sallyport/internal/tcp"
)

// defaultTimeout is used where Protocol.Timeout is zero. A balancer sends the header
// together with the connection; the header is there after one round trip.
const defaultTimeout = 5 * time.Second

// Protocol says whose PROXY headers are believed. Its fields are options: set
// them before the first use and leave them alone afterwards. The zero Protocol
// trusts nobody and refuses everybody. One Protocol serves any number of
// listeners; its methods may be called concurrently. It must not be copied.
type Protocol struct {
	// Trusted holds the addresses of the balancers as this host sees them. A
	// connection from there must begin with a header; without one it is closed.
	Trusted []netip.Prefix
	// Direct lets in connections from other addresses, too, under these addresses:
	// for a port that is dialled through the balancer from outside and directly from
	// inside. False closes them, so that nobody gets around the balancer. A header
	// is never believed from there.
	Direct bool
	// Timeout is how long a header may take. 0 is 5 seconds.
	Timeout time.Duration
	// Logger hears of refused connections, at most ten a minute of each kind. Nil
	// is silence.
	Logger *slog.Logger
	// Refused is told of each control connection that is closed and not handed over,
	// and why; Server.Refused of package server fits, and tells Hooks.Refuse. Port
	// checks, which end before a header, are not reported. It may be called
	// concurrently. A panic goes to the Logger. Nil tells nobody.
	Refused func(conn net.Conn, reason error)
	// Listen opens the listeners of ListenData, for a program that may not listen
	// itself. Nil is [net.ListenConfig.Listen] without MPTCP.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)

	mu   sync.Mutex
	logs [kinds]loglimit.Share
}

// Validate reports everything that is wrong with the fields.
func (p *Protocol) Validate() error {
	var errs []error
	if len(p.Trusted) == 0 && !p.Direct {
		errs = append(errs, errors.New("proxyproto: Trusted is empty, so every connection would be refused; name the addresses of the balancers"))
	}
	for _, prefix := range p.Trusted {
		if !prefix.IsValid() {
			errs = append(errs, errors.New("proxyproto: Trusted holds an invalid prefix"))
		}
	}
	if p.Timeout < 0 {
		errs = append(errs, fmt.Errorf("proxyproto: Timeout is %v; want a positive duration, or 0 for %v", p.Timeout, defaultTimeout))
	}
	return errors.Join(errs...)
}

// Wrap returns a listener for control connections. Those of clients that come
// through a balancer are of type [*Conn]; their headers have been read. Those
// that the balancer makes for itself (health checks: the command LOCAL, or
// UNKNOWN in version 1) have the addresses they come with, and are not handed
// over when they end at once. Closing the listener closes ln.
func (p *Protocol) Wrap(ln net.Listener) *Listener { return p.wrap(ln, false) }

// ListenData opens a listener for data connections; it is for
// passive.Ports.Listen. Connections that a balancer makes for itself belong to
// nobody here and are closed without a word.
func (p *Protocol) ListenData(ctx context.Context, network, address string) (net.Listener, error) {
	listen := p.Listen
	if listen == nil {
		listen = tcp.Listen
	}
	ln, err := listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return p.wrap(ln, true), nil
}

// trusts reports whether headers from an address are believed.
func (p *Protocol) trusts(addr net.Addr) bool {
	from := ipOf(addr)
	return slices.ContainsFunc(p.Trusted, func(n netip.Prefix) bool { return networks.Contains(n, from) })
}

func (p *Protocol) timeout() time.Duration {
	if p.Timeout <= 0 {
		return defaultTimeout
	}
	return p.Timeout
}

// ipOf returns the IP address of a. It is invalid for what is not TCP.
func ipOf(a net.Addr) netip.Addr {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return t.AddrPort().Addr()
}
