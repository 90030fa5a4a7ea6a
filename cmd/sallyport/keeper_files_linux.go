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

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/internal/tcp"
)

// file returns a listener, nil if there is none of that name.
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

// descriptorOf returns the descriptor of a listener once more.
func descriptorOf(ln net.Listener) (*os.File, error) {
	own, ok := ln.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("%T: %w", ln, errors.ErrUnsupported)
	}
	return own.File()
}

// port opens a data port of the set, or gives one that is held, and says which.
func (k *keeper) port(c *channel.Call, w *channel.Writer) (*os.File, error) {
	network, address := c.String(), c.String()
	if err := c.End(); err != nil {
		return nil, err
	}
	held := heldFor(k.held, address)
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
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	return descriptorOf(ln)
}

// mayOpen returns an error unless an address has a port of the set. In place of a host it has an address, or nothing.
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
