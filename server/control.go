package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/ftptls"
	"github.com/sallyport/sallyport/internal/rawio"
	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/internal/wire"
)

// control is the control connection of a session. Only its methods set deadlines of
// the connection while the session runs. The goroutine that holds the session's inbox
// reads, writes and protects the connection; interrupt, cut and what is atomic are
// for any goroutine.
type control struct {
	raw     net.Conn         // the TCP connection
	replies *replyConn       // raw with a deadline for each write
	conn    net.Conn         // what commands and replies go through: replies or tls
	tls     *ftptls.Conn     // nil without TLS, and still there after CCC
	bind    *ftptls.Session  // what data connections are bound to; nil without TLS
	lines   *wire.LineReader // of conn
	out     []byte           // the reply being written
	cleared bool             // CCC took TLS off
	gone    atomic.Bool      // the connection has ended
}

func newControl(conn net.Conn, srv *Server) control {
	below := &replyConn{Conn: conn, srv: srv}
	return control{raw: conn, replies: below, conn: below}
}

// readUntil bounds the reads that follow; zero is no bound.
func (c *control) readUntil(t time.Time) { c.raw.SetReadDeadline(t) }

// interrupt ends a read that waits. The reads that follow fail as well, until
// readUntil is called.
func (c *control) interrupt() { c.raw.SetReadDeadline(longAgo) }

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// keepAlive makes the kernel notice a client that vanished, and keeps the
// control connection alive in NAT tables during a long transfer.
func keepAlive(conn net.Conn) {
	if t := tcp.Below(conn); t != nil {
		t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 6})
	}
}

// handshake puts TLS on the connection, in turns with other handshakes.
func (c *control) handshake(ctx context.Context, layer *ftptls.Layer, turns *handshakeTurns) error {
	// Set a deadline rather than give the handshake a context with one, which would
	// leave memory behind in the session's own context. To end the session, cut closes
	// the connection, and that ends the handshake.
	c.replies.SetDeadline(turns.until)
	defer c.replies.SetDeadline(time.Time{})
	c.replies.turns = turns
	defer func() {
		turns.give()
		c.replies.turns = nil
	}()
	bind := layer.Session()
	defer func() {
		if c.bind != bind { // an error, or a panic of the embedder's
			bind.Close()
		}
	}()
	conn := bind.Control(c.replies)
	conn.OnHello(func() error {
		if err := turns.begin(); err != nil {
			return err
		}
		if hungUp(c.raw) {
			return errHandshakeGone
		}
		return nil
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	c.bind, c.tls, c.conn = bind, conn, conn
	return nil
}

// dropTLS takes TLS off the connection: both sides say close_notify.
func (c *control) dropTLS(limit time.Duration) error {
	c.tls.SetDeadline(time.Now().Add(limit))
	conn, err := c.tls.Unwrap()
	if err != nil {
		return err
	}
	c.conn, c.cleared = conn, true
	return nil
}

// startReading reads commands from r from now on. It drops what was read ahead from
// the reader before r: an attacker may have sent that (CVE-2011-1575).
func (c *control) startReading(r io.Reader) {
	if c.lines == nil {
		c.lines = wire.NewLineReader(r, wire.DefaultMaxLine)
		return
	}
	c.lines.Discard()
	c.lines.Reset(r)
}

// read reads one command. After a deadline the next read goes on where this one
// stopped.
func (c *control) read() (in input) {
	line, err := c.lines.ReadLine()
	if err != nil {
		return input{err: err}
	}
	in.cmd, in.err = wire.ParseCommand(line)
	return in
}

// write sends a reply.
func (c *control) write(r wire.Reply) error {
	c.out = r.Append(c.out[:0])
	_, err := c.conn.Write(c.out)
	if cap(c.out) > 4096 {
		c.out = nil // a long FEAT or STAT must not weigh on an idle session
	}
	return err
}

// shrink gives back the memory that waiting does not need.
func (c *control) shrink() {
	c.out = nil
	c.lines.Shrink()
}

// waitingInput returns the deadline for another read, after a read with the deadline last
// has brought nothing. It returns zero if there is nothing to read.
func (c *control) waitingInput(last time.Time) time.Time {
	waits, known := inputWaits(rawio.TCP(c.raw)) // a connection around TCP may have read ahead
	switch {
	case waits:
		return time.Now().Add(partOfLine)
	case !known && last == longAgo:
		return time.Now().Add(time.Millisecond)
	}
	return time.Time{}
}

// showsInput reports whether waitingInput can tell without a wait what has arrived.
func (c *control) showsInput() bool {
	_, known := inputWaits(rawio.TCP(c.raw))
	return known
}

// partOfLine is how long a read waits for the rest of a line or of a TLS record
// that has begun to arrive.
const partOfLine = 20 * time.Millisecond

// cut ends the connection at once, whatever is under way on it, and waits for nothing.
// Close alone may wait: for a read on a descriptor that somebody has made block, by
// File of the connection and Fd of that file. Shutting the connection down ends such a
// read.
func (c *control) cut() {
	if t := tcp.Below(c.raw); t != nil {
		t.CloseRead()
		t.CloseWrite()
	}
	go c.raw.Close()
}

// close ends the connection, with close_notify under TLS.
func (c *control) close() { c.conn.Close() }

// replyTimeout bounds the writing of one reply to a client that reads none.
const replyTimeout = 30 * time.Second

// replyConn is a control connection below TLS. Each write has a deadline, including
// writes that crypto/tls makes by itself: crypto/tls answers a key update in the midst
// of reading (RFC 8446, section 4.6.3). A client that asks for many updates and reads
// no answer would block the reader in a write, which no deadline for reading ends.
type replyConn struct {
	net.Conn
	srv   *Server
	turns *handshakeTurns // of the handshake under way, whose goroutine alone uses them; nil without

	mu      sync.Mutex // guards what follows
	until   time.Time  // the deadline that SetWriteDeadline was given; zero is none
	writing bool
	failed  error // the error of the first write that failed
}

// NetConn returns the connection below.
func (c *replyConn) NetConn() net.Conn { return c.Conn }

// SetDeadline sets both deadlines.
func (c *replyConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetWriteDeadline sets a deadline for writes. Each write has a deadline of its own
// besides; the earlier one counts.
func (c *replyConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = t
	return c.limit()
}

// limit sets the deadline of the write that goes on or comes next. The caller
// holds mu.
func (c *replyConn) limit() error {
	t := c.until
	if c.writing {
		if soon := time.Now().Add(c.srv.replyTimeout()); t.IsZero() || soon.Before(t) {
			t = soon
		}
	}
	return c.Conn.SetWriteDeadline(t)
}

// Write sends p. A failure ends the connection: nothing can follow a part of a reply
// or of a TLS record, and crypto/tls does not report the failure of a write of its own
// before the next write.
func (c *replyConn) Write(p []byte) (int, error) {
	c.begin()
	n, err := c.Conn.Write(p)
	c.end(err)
	return n, err
}

func (c *replyConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = true
	c.limit() // fails only as Write will
}

func (c *replyConn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	if err != nil {
		if c.failed == nil {
			// Don't wrap err: whoever reads would take os.ErrDeadlineExceeded for a
			// deadline of the read.
			c.failed = fmt.Errorf("server: the client takes no replies: %v", err)
		}
		c.Conn.Close()
		return
	}
	c.limit()
}

func (c *replyConn) Read(p []byte) (int, error) {
	c.turns.give()
	n, err := c.Conn.Read(p)
	if err == nil {
		err = c.turns.take()
	} else {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed != nil {
			err = c.failed
		}
	}
	return n, err
}

// isWriting reports whether a write waits for the client.
func (c *replyConn) isWriting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing
}

// replyTimeout returns how long a client may take to take a reply: less while the
// server shuts down.
func (srv *Server) replyTimeout() time.Duration {
	if srv.isDraining() {
		return silence
	}
	return replyTimeout
}
