package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/internal/tcp"
)

// file returns the descriptor of a listener, nil if the server doesn't have the listener.
func (k *keeper) file(name string) (*os.File, error) {
	listeners := map[string]net.Listener{"explicit": k.explicit, "implicit": k.implicit}
	if k.socket != nil {
		listeners["control"] = k.socket.Listener
	}
	ln, known := listeners[name]
	if !known && name != "control" {
		return nil, fs.ErrNotExist
	}
	if ln == nil {
		return nil, nil
	}
	return descriptorOf(ln)
}

// descriptorOf returns a copy of a listener's descriptor.
func descriptorOf(ln net.Listener) (*os.File, error) {
	own, ok := ln.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("%T: %w", ln, errors.ErrUnsupported)
	}
	return own.File()
}

// port answers with a data port of the set, which it opens unless the port is held, and tells which of the two.
func (k *keeper) port(e *engineProcess, c *channel.Call, w *channel.Writer) (*os.File, error) {
	network, address, patient := c.String(), c.String(), c.Bool()
	if err := c.End(); err != nil {
		return nil, err
	}
	held := heldFor(k.held, address)
	if held != nil && patient {
		if err := k.awaitRelease(c.Ctx, e, held.Addr().String()); err != nil {
			return nil, err
		}
	}
	w.Bool(held != nil)
	if held != nil {
		return descriptorOf(held)
	}
	if err := k.mayOpen(network, address); err != nil {
		k.log.Warn("the engine has asked for a port that is none of the data ports", "network", network, "address", address)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Ctx, usualPatience)
	defer cancel()
	ln, err := tcp.Listen(ctx, network, address)
	for late := time.After(k.portPatience()); patient && errors.Is(err, syscall.EADDRINUSE) && len(k.allEngines()) > 1; {
		select {
		case <-time.After(portPoll): // an older engine has leases there
			ln, err = tcp.Listen(c.Ctx, network, address)
			continue
		case <-late:
		case <-c.Ctx.Done():
		}
		break
	}
	if !patient && errors.Is(err, syscall.EADDRINUSE) && len(k.allEngines()) > 1 { // leases of an older engine have the port for a while
		host, _, _ := net.SplitHostPort(address)
		ln, err = tcp.Listen(ctx, network, net.JoinHostPort(host, "0")) // for a trial any port will do
	}
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	return descriptorOf(ln)
}

// portPoll is how often the keeper checks whether an older engine has given up a data port.
const portPoll = 5 * time.Millisecond

// portPatience returns how long an engine waits for a port on which an older one has leases. It is short if the set has
// other ports, one of which the engine takes then.
func (k *keeper) portPatience() time.Duration {
	if k.ports.Len() > 1 {
		return time.Second
	}
	return leaseEnds
}

// leaseEnds is longer than a lease that gets no connection lives.
const leaseEnds = 35 * time.Second

// awaitRelease waits until no other engine accepts connections from a held port.
func (k *keeper) awaitRelease(ctx context.Context, e *engineProcess, name string) error {
	late := time.After(k.portPatience())
	for {
		used := false
		for _, other := range k.allEngines() {
			if other != e {
				other.Ask(ctx, usualPatience, tellUses, func(w *channel.Writer) { w.String(name) }, nil, func(r *channel.Reader, _ *os.File) error {
					used = r.Bool() || used
					return nil
				})
			}
		}
		if !used {
			return nil
		}
		select {
		case <-time.After(portPoll):
		case <-late:
			return syscall.EADDRINUSE
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// mayOpen returns an error unless the port of an address is in the set. The host is an address, or empty.
func (k *keeper) mayOpen(network, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host == "" {
		host = netip.IPv6Unspecified().String()
	}
	at, err2 := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil || err2 != nil || !slices.Contains([]string{"tcp", "tcp4", "tcp6"}, network) {
		return fs.ErrInvalid
	}
	if k.ports.Len() == 0 && at.Port() == 0 {
		return nil
	}
	for n := range k.ports.Numbers() {
		if n == at.Port() {
			return nil
		}
	}
	return fs.ErrPermission
}
