package server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// idleConn is a data connection that fails when no byte moves for limit. The
// measure is progress, not the time that one large write takes: a slow client
// that keeps reading is never cut off. It lies under TLS, so crypto/tls sees no
// time-out that was not final.
type idleConn struct {
	net.Conn
	limit time.Duration
	until atomic.Int64 // write deadline asked for from above, in ns; 0 is none
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
	return c.Conn.Read(p)
}

func (c *idleConn) Write(p []byte) (n int, err error) {
	for {
		if err := c.extend(); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(p[n:])
		n += m
		if !c.slow(m, err) {
			return n, err
		}
	}
}

// ReadFrom sends a file in clear; with an *os.File under r and TCP below it is
// sendfile(2).
func (c *idleConn) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		if err := c.extend(); err != nil {
			return n, err
		}
		m, err := io.CopyN(c.Conn, r, sendfileChunk)
		n += m
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil && !c.slow(int(m), err) {
			return n, err
		}
	}
}

// sendfileChunk is how much is handed to the kernel before the deadline is
// looked at again.
const sendfileChunk = 4 << 20

// extend gives the next write its time.
func (c *idleConn) extend() error {
	t := time.Now().Add(c.limit)
	if ns := c.until.Load(); ns != 0 {
		if until := time.Unix(0, ns); until.Before(t) {
			t = until
		}
	}
	return c.Conn.SetWriteDeadline(t)
}

// slow reports whether a write ran out of time although bytes moved, so that
// it may go on.
func (c *idleConn) slow(n int, err error) bool {
	if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	ns := c.until.Load()
	return ns == 0 || time.Now().UnixNano() < ns
}
