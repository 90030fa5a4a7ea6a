package main

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// givenSocket returns the address of the socket that this program is started with, empty for none: by inetd as standard
// input, or by a .socket unit. A unit's connection (Accept=yes) becomes standard input.
func givenSocket() (address string, stdin bool) {
	if a := stdinSocket(); a != nil {
		return a.String(), true
	}
	if !isMe("LISTEN_PID") || os.Getenv("LISTEN_FDS") == "" {
		return "", false
	}
	listens, err := unix.GetsockoptInt(firstHanded, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return "", false
	}
	if listens == 0 {
		unix.Dup3(firstHanded, 0, 0)
		unix.Close(firstHanded)
		os.Unsetenv("LISTEN_FDS")
		if a := stdinSocket(); a != nil {
			return a.String(), true
		}
		return "", false
	}
	f, err := duplicate(os.NewFile(firstHanded, "listener"))
	if err != nil {
		return "", false
	}
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return "", false
	}
	defer ln.Close()
	return ln.Addr().String(), false // the supervisor's
}

// stdinSocket returns the address of the socket that standard input is; nil if standard input is no socket of TCP.
func stdinSocket() *net.TCPAddr {
	f, err := duplicate(os.Stdin)
	if err != nil {
		return nil
	}
	ln, err := inetdListener(f)
	if err != nil {
		return nil
	}
	defer ln.Close()
	at, _ := ln.Addr().(*net.TCPAddr)
	return at
}

// stdinListener returns a listener for the connections that standard input gives.
func stdinListener() (net.Listener, error) {
	f, err := duplicate(os.Stdin)
	if err != nil {
		return nil, err
	}
	return inetdListener(f)
}

// duplicate returns a copy of a file's descriptor.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// inetdListener makes a listener of a socket, and closes the file. A socket that is a connection gives that one alone.
func inetdListener(f *os.File) (net.Listener, error) {
	defer f.Close()
	if listens, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens != 0 {
		return net.FileListener(f)
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		conn.Close()
		return nil, errors.New("it is no socket of TCP")
	}
	return &oneConn{conn: tcp, served: make(chan struct{}), closed: make(chan struct{})}, nil
}

// oneConn is a listener that accepts one connection, which is there already.
type oneConn struct {
	conn   *net.TCPConn
	taken  sync.Once
	again  sync.Once
	served chan struct{} // is closed when another connection is asked for: the server has the first
	close  sync.Once
	closed chan struct{}
}

// Accept returns the connection, and from then on waits for Close.
func (l *oneConn) Accept() (conn net.Conn, err error) {
	l.taken.Do(func() { conn = l.conn })
	if conn != nil {
		return conn, nil
	}
	l.again.Do(func() { close(l.served) })
	<-l.closed
	return nil, net.ErrClosed
}

// Close ends Accept. It closes the connection unless Accept has returned it.
func (l *oneConn) Close() error {
	l.close.Do(func() { close(l.closed) })
	l.taken.Do(func() { l.conn.Close() })
	return nil
}

func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// File returns a copy of the descriptor of the connection.
func (l *oneConn) File() (*os.File, error) { return l.conn.File() }

// endAfterOne has the server shut down when the session of the one connection that it serves is over. It does nothing
// for a server that listens.
func (d *daemon) endAfterOne(ctx context.Context) {
	for _, ln := range []net.Listener{d.explicit, d.implicit} {
		one, ok := ln.(*oneConn)
		if !ok {
			continue
		}
		select {
		case <-one.served:
		case <-ctx.Done():
			return
		}
		for all, _ := d.counts(); all > 0 && ctx.Err() == nil; all, _ = d.counts() {
			time.Sleep(sessionsEvery)
		}
		d.end()
		return
	}
}

// quietOutput has standard output and standard error lead nowhere if they are the connection of a client, as inetd has
// them. What is written there is not meant for the client.
func quietOutput() {
	var in unix.Stat_t
	if unix.Fstat(0, &in) != nil {
		return
	}
	for _, fd := range []int{1, 2} {
		var out unix.Stat_t
		if unix.Fstat(fd, &out) != nil || out.Ino != in.Ino || out.Dev != in.Dev {
			continue
		}
		if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
			unix.Dup3(int(null.Fd()), fd, 0)
			null.Close()
		}
	}
}
