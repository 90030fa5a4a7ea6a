package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/rawio"
	"github.com/sallyport/sallyport/internal/tcp"
)

// idleConn is a data connection that fails when no byte moves for limit. Progress
// counts, not the time that one large write takes: a slow client that keeps reading
// is never cut off. idleConn lies under TLS, so every time-out that crypto/tls sees
// is final.
type idleConn struct {
	net.Conn
	limit time.Duration
	// prompt has each read acknowledge at once what the read before it has brought.
	// It is for the handshake: GnuTLS (lftp) sends the end of a handshake in two
	// segments, and with Nagle's algorithm on keeps the second back until the first
	// is acknowledged. The kernel would take 40 ms to acknowledge.
	prompt bool
	part   bool            // something was read since the last write, if prompt
	until  atomic.Int64    // the deadline that SetWriteDeadline was given, in ns; 0 is none
	raw    syscall.RawConn // of rawConn
	input  syscall.RawConn // of AwaitInput

	ahead int // how much is sent ahead of what the client takes, while raw is known
	taken int // what Room has returned in all

	drains *drains     // where the connection ends in order
	order  atomic.Bool // Close ends in order
	ended  atomic.Bool // the connection has ended, in order or not
}

// Close ends the connection. With order set, the bytes written still reach the
// client, whatever the client sends meanwhile.
func (c *idleConn) Close() error {
	switch {
	case c.ended.Swap(true):
		return net.ErrClosed
	case c.order.Load():
		return c.drains.end(c.Conn)
	}
	return c.Conn.Close()
}

// cut ends the connection by RST unless the connection has ended already.
func (c *idleConn) cut() {
	if c.ended.Swap(true) {
		return
	}
	if t := tcp.Below(c.Conn); t != nil {
		t.SetLinger(0)
	}
	c.Conn.Close()
}

// SetWriteDeadline bounds all writes together, as crypto/tls does for its
// close_notify.
func (c *idleConn) SetWriteDeadline(t time.Time) error {
	var ns int64
	if !t.IsZero() {
		ns = t.UnixNano()
	}
	c.until.Store(ns)
	return c.Conn.SetWriteDeadline(t)
}

func (c *idleConn) Read(p []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	if c.prompt {
		if c.part {
			ackNow(c.Conn)
		}
		c.part = true
	}
	return c.Conn.Read(p)
}

func (c *idleConn) Write(p []byte) (n int, err error) {
	if c.prompt {
		c.part = false
	}
	for w := c.watch(); ; {
		if err := c.extend(); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(p[n:])
		n += m
		if !w.slow(m > 0, err) {
			return n, err
		}
	}
}

// sendFile sends the next bytes of a file, most at most, in clear; over TCP by
// sendfile(2). It hands all of them to the kernel at once, which returns only when
// the send buffer is full. When a deadline passes meanwhile, sendFile sets the next
// one and goes on.
func (c *idleConn) sendFile(f *os.File, most int64) (n int64, err error) {
	start, err := f.Seek(0, io.SeekCurrent)
	if err != nil || runtime.GOOS == "windows" {
		// A pipe can't be wound back, and TransmitFile doesn't tell how much it
		// sent before a deadline.
		return io.Copy(struct{ io.Writer }{c}, io.LimitReader(f, most))
	}
	for w := c.watch(); ; {
		if err := c.extend(); err != nil {
			return n, err
		}
		m, err := io.Copy(c.Conn, io.LimitReader(f, most-n))
		n += m
		if !w.slow(m > 0, err) {
			return n, err
		}
		// Where there is no sendfile, more was read than could be sent.
		if _, err := f.Seek(start+n, io.SeekStart); err != nil {
			return n, err
		}
	}
}

// pieces is into how many deadlines limit is divided, because a write tells only at
// its deadline whether bytes moved, and not when.
const pieces = 8

// extend sets the deadline of the next write. Once the connection has ended extend
// fails and nothing more is written: while cut is about to reset a transfer,
// close_notify would make the transfer look whole.
func (c *idleConn) extend() error {
	if c.ended.Load() {
		return net.ErrClosed
	}
	t := time.Now().Add(c.limit / pieces)
	if until := c.until.Load(); until != 0 && until < t.UnixNano() {
		t = time.Unix(0, until)
	}
	return c.Conn.SetWriteDeadline(t)
}

// watch begins a write that may need several deadlines.
func (c *idleConn) watch() progress { return progress{c, time.Now()} }

// progress is the state of a write that may need several deadlines.
type progress struct {
	conn *idleConn
	last time.Time // when bytes moved
}

// slow reports whether a write that ran into its deadline may go on.
func (w *progress) slow(moved bool, err error) bool {
	if moved {
		w.last = time.Now()
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	now := time.Now()
	if until := w.conn.until.Load(); until != 0 && now.UnixNano() >= until {
		return false
	}
	return now.Sub(w.last) < w.conn.limit
}

// dialled returns the address that the client of a connection dialled.
func dialled(conn net.Conn) netip.AddrPort {
	for c := conn; ; {
		switch below := c.(type) {
		case interface{ DialledAddr() net.Addr }:
			return addrPort(below.DialledAddr())
		case interface{ NetConn() net.Conn }:
			c = below.NetConn()
		default:
			return addrPort(conn.LocalAddr())
		}
	}
}

// plainTCP returns the descriptor of a TCP connection. It returns nil if there is
// something around TCP that may have read ahead.
func plainTCP(conn net.Conn) syscall.RawConn {
	t := rawio.TCP(conn)
	if t == nil {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
