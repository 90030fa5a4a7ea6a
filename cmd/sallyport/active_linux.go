package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// activeSource answers with a socket that is bound to the port of active mode at an address of this host, for which
// the engine lacks the right.
func (k *keeper) activeSource(c *channel.Call) (*os.File, error) {
	local, err := netip.ParseAddr(c.String())
	if err := errors.Join(err, c.End()); err != nil {
		return nil, err
	}
	if k.started.activePort == 0 {
		k.log.Warn("the engine has asked for a port for active mode, which has none")
		return nil, fs.ErrPermission
	}
	return boundSocket(netip.AddrPortFrom(local, k.started.activePort))
}

// boundSocket returns a TCP socket with a local address, which other sockets may share.
func boundSocket(local netip.AddrPort) (*os.File, error) {
	at, err := sockaddr(local)
	if err != nil {
		return nil, err
	}
	family := unix.AF_INET
	if _, ok := at.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "active")
	err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, at))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sockaddr returns an address as system calls take it.
func sockaddr(at netip.AddrPort) (unix.Sockaddr, error) {
	a, port := at.Addr().Unmap(), int(at.Port())
	if a.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: a.As4()}, nil
	}
	to := &unix.SockaddrInet6{Port: port, Addr: a.As16()}
	if a.Zone() != "" {
		i, err := net.InterfaceByName(a.Zone())
		if err != nil {
			return nil, err
		}
		to.ZoneId = uint32(i.Index)
	}
	return to, nil
}

// checkActivePort returns an error if this process can't connect from the port of active mode.
func (s *settings) checkActivePort() error {
	if s.activePort == 0 {
		return nil
	}
	f, err := boundSocket(netip.AddrPortFrom(netip.IPv4Unspecified(), s.activePort))
	if errors.Is(err, fs.ErrPermission) {
		port := fmt.Sprint(s.activePort)
		err = fmt.Errorf("the system does not let this user connect from there; %s", lowPortCures(port, "active-port 0"))
	}
	if err != nil {
		return fmt.Errorf("%s %d: %w", s.at("active-port"), s.activePort, err)
	}
	return f.Close()
}

// dialFromSource connects to a client from the port of active mode. The keeper binds the socket.
func (e *engine) dialFromSource(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error) {
	var socket *os.File
	err := e.keeper.Ask(ctx, usualPatience, askSource, func(w *channel.Writer) { w.String(local.Addr().String()) }, nil, func(_ *channel.Reader, f *os.File) error {
		socket = f
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case socket == nil:
		return nil, channel.ErrMessage
	}
	return connect(ctx, socket, remote)
}

// connect connects a socket that is not connected yet, and closes the file.
func connect(ctx context.Context, f *os.File, to netip.AddrPort) (net.Conn, error) {
	bound, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return nil, err
	}
	defer bound.Close()
	socket, ok := bound.(*net.TCPConn)
	if !ok {
		return nil, channel.ErrMessage
	}
	stop := context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := await(socket, to); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Source: socket.LocalAddr(), Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	if f, err = socket.File(); err != nil {
		return nil, err
	}
	defer f.Close()
	return net.FileConn(f) // which knows the address of the client
}

// await starts to connect a socket, and waits until that has come to something.
func await(socket *net.TCPConn, to netip.AddrPort) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	at, err := sockaddr(to)
	if err != nil {
		return err
	}
	var failed error
	begun := false
	err = raw.Write(func(fd uintptr) (done bool) {
		if !begun {
			begun, failed = true, unix.Connect(int(fd), at)
			return failed != unix.EINPROGRESS && failed != unix.EINTR
		}
		done, failed = connected(int(fd))
		return done
	})
	return errors.Join(err, os.NewSyscallError("connect", failed))
}

// connected returns what has come of connecting a socket, if that is over: sockets that are not connected count as
// writable, too.
func connected(fd int) (over bool, err error) {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n != 0 {
		err = unix.Errno(n)
	}
	if err != nil {
		return true, err
	}
	_, err = unix.Getpeername(fd)
	return err == nil, nil
}
