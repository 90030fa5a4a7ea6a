package server_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// memNet is a network in memory, where testing/synctest can fake the time. The
// zero memNet is empty. Unlike net.Pipe its connections have addresses, buffers
// and halves that close one by one, as TCP's do.
type memNet struct {
	mu        sync.Mutex
	listeners map[netip.AddrPort]*memListener
	next      uint16
}

var (
	memServer = netip.MustParseAddr("192.0.2.1")
	memClient = netip.MustParseAddr("198.51.100.7")
)

// Listen is what passive.Ports wants.
func (n *memNet) Listen(_ context.Context, _, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
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
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	if n.listeners == nil {
		n.listeners = make(map[netip.AddrPort]*memListener)
	}
	ln := &memListener{net: n, at: at, conns: make(chan net.Conn, 128), closed: make(chan struct{})}
	n.listeners[at] = ln
	return ln, nil
}

// listen opens a port of the server's.
func (n *memNet) listen(t testing.TB, port uint16) net.Listener {
	t.Helper()
	ln, err := n.Listen(t.Context(), "tcp", netip.AddrPortFrom(memServer, port).String())
	require.NoError(t, err)
	return ln
}

// connect opens a connection with so much buffer each way, and nil when nobody
// listens.
func (n *memNet) connect(from, to netip.AddrPort, buffer int) *memConn {
	n.mu.Lock()
	ln := n.listeners[to]
	n.mu.Unlock()
	if ln == nil {
		return nil
	}
	up, down := newMemStream(buffer), newMemStream(buffer)
	client := &memConn{in: down, out: up, local: from, remote: to}
	select {
	case ln.conns <- &memConn{in: up, out: down, local: to, remote: from}:
		ln.reject()
		return client
	case <-ln.closed:
		return nil
	}
}

type memListener struct {
	net    *memNet
	at     netip.AddrPort
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (ln *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-ln.conns:
		return c, nil
	case <-ln.closed:
		return nil, net.ErrClosed
	}
}

func (ln *memListener) Close() error {
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
func (ln *memListener) reject() {
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

func (ln *memListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(ln.at) }

// memConn is one end of a connection in memory.
type memConn struct {
	in, out       *memStream
	local, remote netip.AddrPort
}

func (c *memConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *memConn) LocalAddr() net.Addr         { return net.TCPAddrFromAddrPort(c.local) }
func (c *memConn) RemoteAddr() net.Addr        { return net.TCPAddrFromAddrPort(c.remote) }

// CloseWrite sends FIN.
func (c *memConn) CloseWrite() error {
	c.out.change(func(s *memStream) { s.ended = true })
	return nil
}

func (c *memConn) Close() error {
	c.CloseWrite()
	c.in.change(func(s *memStream) { s.deaf = true })
	c.out.change(func(s *memStream) { s.closed = true })
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.change(func(s *memStream) { s.reading.set(s, t) })
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.change(func(s *memStream) { s.writing.set(s, t) })
	return nil
}

// memStream is one direction of a connection.
type memStream struct {
	mu               sync.Mutex
	moved            *sync.Cond
	data             []byte
	size             int
	ended            bool // no more will be written
	closed           bool // the writing end is closed
	deaf             bool // the reading end is closed
	reading, writing memDeadline
}

func newMemStream(size int) *memStream {
	s := &memStream{size: size}
	s.moved = sync.NewCond(&s.mu)
	return s
}

func (s *memStream) change(f func(*memStream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
	s.moved.Broadcast()
}

func (s *memStream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.deaf:
			return 0, net.ErrClosed
		case s.reading.over():
			return 0, os.ErrDeadlineExceeded
		case len(s.data) > 0 || len(p) == 0:
			n := copy(p, s.data)
			s.data = s.data[n:]
			s.moved.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.moved.Wait()
	}
}

func (s *memStream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closed || s.ended:
			return n, net.ErrClosed
		case s.deaf:
			return n, syscall.ECONNRESET
		case s.writing.over():
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		}
		if m := min(s.size-len(s.data), len(p)); m > 0 {
			s.data = append(s.data, p[:m]...)
			n, p = n+m, p[m:]
			s.moved.Broadcast()
			continue
		}
		s.moved.Wait()
	}
}

// memDeadline wakes a stream up when its time has come.
type memDeadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *memDeadline) set(s *memStream, at time.Time) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at, d.timer = at, nil
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() { s.change(func(*memStream) {}) })
	}
}

func (d *memDeadline) over() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }
