package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of a connection in memory. Unlike a connection of net.Pipe it has
// addresses, buffers, and halves that close one by one, as TCP's do.
type Conn struct {
	in, out       *stream
	local, remote netip.AddrPort
	closes        atomic.Int64
}

// Pair returns both ends of a connection with a buffer of that many bytes each way.
func Pair(from, to netip.AddrPort, buffer int) (client, server *Conn) {
	up, down := newStream(buffer), newStream(buffer)
	return &Conn{in: down, out: up, local: from, remote: to}, &Conn{in: up, out: down, local: to, remote: from}
}

// Closes returns how often Close was called.
func (c *Conn) Closes() int { return int(c.closes.Load()) }

// Unread returns how many bytes have come and were not read.
func (c *Conn) Unread() int {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return len(c.in.data)
}

// PeerWriteDeadline returns the deadline that the other end has for its writes, zero for none.
func (c *Conn) PeerWriteDeadline() time.Time {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.in.writing.at
}

func (c *Conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *Conn) LocalAddr() net.Addr         { return net.TCPAddrFromAddrPort(c.local) }
func (c *Conn) RemoteAddr() net.Addr        { return net.TCPAddrFromAddrPort(c.remote) }

// CloseWrite sends FIN.
func (c *Conn) CloseWrite() error {
	c.out.change(func(s *stream) { s.ended = true })
	return nil
}

// Close ends both directions: the peer reads what was sent, and can write no more.
func (c *Conn) Close() error {
	c.closes.Add(1)
	c.CloseWrite()
	c.in.change(func(s *stream) { s.deaf = true })
	c.out.change(func(s *stream) { s.closed = true })
	return nil
}

func (c *Conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.change(func(s *stream) { s.reading.set(s, t) })
	return nil
}

func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.change(func(s *stream) { s.writing.set(s, t) })
	return nil
}

// stream is one direction of a connection.
type stream struct {
	mu               sync.Mutex
	moved            *sync.Cond
	data             []byte
	size             int
	ended            bool // no more will be written
	closed           bool // the writing end is closed
	deaf             bool // the reading end is closed
	reading, writing deadline
}

func newStream(size int) *stream {
	s := &stream{size: size}
	s.moved = sync.NewCond(&s.mu)
	return s
}

func (s *stream) change(f func(*stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
	s.moved.Broadcast()
}

func (s *stream) read(p []byte) (int, error) {
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

func (s *stream) write(p []byte) (n int, err error) {
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

// deadline wakes a stream up when its time has come.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set is called by change, which wakes all who wait. A time that has come already needs
// no timer: under the race detector Go 1.26 crashes now and then when two goroutines of a
// synctest bubble start timers at once that are due.
func (d *deadline) set(s *stream, at time.Time) {
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at, d.timer = at, nil
	if left := time.Until(at); left > 0 {
		d.timer = time.AfterFunc(left, func() { s.change(func(*stream) {}) })
	}
}

func (d *deadline) over() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }
