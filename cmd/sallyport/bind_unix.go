//go:build unix

package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// longestSocket is how long the path of a Unix socket may be, in bytes.
const longestSocket = len(syscall.RawSockaddrUnix{}.Path) - 1

// errBound ends the opening of a listener whose address could be bound.
var errBound = errors.New("the address is free")

// bind finds out whether a listener could be opened. The socket is bound but never listens, so nobody connects to it
// meanwhile. The errors are those of net.Listen.
func bind(ctx context.Context, network, address string) error {
	lc := net.ListenConfig{Control: func(network, address string, c syscall.RawConn) error {
		to, err := bindAddress(network, address)
		if err != nil {
			return err
		}
		var binding error
		if err := c.Control(func(fd uintptr) { binding = syscall.Bind(int(fd), to) }); err != nil {
			return err
		}
		if binding != nil {
			return os.NewSyscallError("bind", binding)
		}
		return errBound
	}}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, network, address)
	if ln != nil {
		ln.Close()
	}
	if errors.Is(err, errBound) {
		return nil
	}
	return err
}

// bindAddress returns the address that package net would bind a socket of a network, tcp4 or tcp6, to. A socket of tcp6
// serves IPv4 as well: net opens one for 0.0.0.0, too.
func bindAddress(network, address string) (syscall.Sockaddr, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(service)
	if err != nil {
		return nil, err
	}
	all := netip.IPv6Unspecified()
	if network == "tcp4" {
		all = netip.IPv4Unspecified()
	}
	at := all
	if host != "" {
		if at, err = netip.ParseAddr(host); err != nil {
			return nil, err
		}
	}
	if at.IsUnspecified() {
		at = all
	}
	if network == "tcp4" {
		return &syscall.SockaddrInet4{Port: port, Addr: at.Unmap().As4()}, nil
	}
	to := &syscall.SockaddrInet6{Port: port, Addr: at.As16()}
	if at.Zone() != "" {
		i, err := net.InterfaceByName(at.Zone())
		if err != nil {
			return nil, err
		}
		to.ZoneId = uint32(i.Index)
	}
	return to, nil
}
