package server

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// replyTimeout bounds the writing of one reply to a client that reads none.
const replyTimeout = 30 * time.Second

// controlConn is a control connection below TLS. Each write has a deadline, also
// one that crypto/tls makes by itself: it answers a key update in the midst of
// reading (RFC 8446, section 4.6.3), and a client that asks for many and reads no
// answer would block the reader, for which no deadline for reading counts.
type controlConn struct {
	net.Conn
	srv *Server

	mu      sync.Mutex // guards what follows
	until   time.Time  // deadline for writing that was set from above; zero is none
	writing bool
	failed  error // of the first write that failed
}

// NetConn returns the connection below.
func (c *controlConn) NetConn() net.Conn { return c.Conn }

// SetDeadline sets both deadlines.
func (c *controlConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetWriteDeadline sets a deadline that counts besides that of each write.
func (c *controlConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	return c.limit()
}

// limit sets the deadline of the write that goes on or comes next. The caller
// holds mu.
func (c *controlConn) limit() error {
	t := c.until
	if c.writing {
		if soon := time.Now().Add(c.srv.replyTimeout()); t.IsZero() || soon.Before(t) {
			t = soon
		}
	}
	return c.Conn.SetWriteDeadline(t)
}

// Write sends p. A failure ends the connection: after part of a reply or of a
// TLS record nothing can follow, and crypto/tls keeps failures of its own writes
// to itself until the next.
func (c *controlConn) Write(p []byte) (int, error) {
	c.begin()
	n, err := c.Conn.Write(p)
	c.end(err)
	return n, err
}

func (c *controlConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = true
	c.limit() // fails only as Write will
}

func (c *controlConn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	if err != nil {
		if c.failed == nil {
			// Not wrapped: a deadline that passed means something else to those who read.
			c.failed = fmt.Errorf("server: the client takes no replies: %v", err)
		}
		c.Conn.Close()
		return
	}
	c.limit()
}

func (c *controlConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed != nil {
			err = c.failed
		}
	}
	return n, err
}

// isWriting reports whether a write waits for the client.
func (c *controlConn) isWriting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing
}

// replyTimeout returns how long a client may take to take a reply: less when it
// holds up a shutdown.
func (srv *Server) replyTimeout() time.Duration {
	if srv.isDraining() {
		return silence
	}
	return replyTimeout
}
