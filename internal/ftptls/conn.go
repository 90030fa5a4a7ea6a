package ftptls

import (
	stdtls "crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/tls"
)

// Conn is the server's side of a TLS connection: a net.Conn for one reading
// and one writing goroutine at a time. Close, the deadlines and Flush may be
// called from any.
//
// On a data connection Write gathers: what is written leaves when 512 KiB of
// records are waiting, and with Flush, CloseWrite or Close. A file smaller than
// that leaves in one system call, together with close_notify. Reading fetches
// as much at once. The memory for both is shared among all connections and held
// only while bytes wait in it. A control connection sends at once and reads no
// further than crypto/tls asks.
type Conn struct {
	transport
	tls     *stdtls.Conn
	session *Session
	kind    kind
	reuse   tls.Reuse
	// other tells that the ticket being resumed is of another session of the owner; set in the handshake.
	other bool
	// abroad tells that the ticket being resumed is of a session in another process; set in the handshake.
	abroad bool
	// passedOver tells that the ticket being resumed is of this session, though
	// another session of the owner has a newer one; set in the handshake.
	passedOver bool
	// proof tells that the ticket being resumed proves whose the connection is; set in the handshake.
	proof bool
	// offered is the session, other than this one, of which a ticket was offered;
	// zero for none; set in the handshake.
	offered [idSize]byte
	// onHello is called when the ClientHello has come; nil for nothing.
	onHello func() error
	// offer is what the ClientHello of a data connection offered, nil while unknown; set in the handshake.
	offer *offer

	handshake   sync.Mutex // guards judged and failure
	judged      bool
	failure     error
	established atomic.Bool
	resumed     atomic.Bool
	// limit is the caller's deadline for writing in Unix nanoseconds, 0 for
	// none.
	limit atomic.Int64
}

var _ tls.Conn = (*Conn)(nil)

func newConn(s *Session, conn net.Conn, k kind, reuse tls.Reuse) *Conn {
	c := &Conn{session: s, kind: k, reuse: reuse}
	c.conn, c.in.conn, c.out.conn = conn, conn, conn
	if k == kindData {
		if c.offer = offerOn(conn); c.offer == nil {
			c.in.hello = make([]byte, 0, helloRoom)
		}
	}
	c.tls = stdtls.Server(&c.transport, s.layer.config(c))
	return c
}

// OnHello makes the handshake call f when the whole ClientHello has come, before
// anything that costs time. An error of f ends the handshake. Call OnHello before the
// handshake, which is the goroutine that calls f.
func (c *Conn) OnHello(f func() error) { c.onHello = f }

// Read reads what the client sent after the handshake. If need be, Read does
// the handshake. On a data connection it returns several records at once when
// they have already arrived. io.EOF is the end; see Truncated.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	n, err := c.tls.Read(p)
	for err == nil && n < len(p) && c.in.buffered() {
		var m int
		m, err = c.more(p[n:])
		n += m
		if err == errDry {
			return n, nil
		}
	}
	return n, err
}

// more reads without waiting for the client.
func (c *Conn) more(p []byte) (int, error) {
	c.in.dry = true
	n, err := c.tls.Read(p)
	c.in.dry = false
	return n, err
}

// Write sends p, or on a data connection gathers it; an error is then told by
// a later call. After an error or CloseWrite every Write fails.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	c.out.app.Store(true)
	n, err := c.tls.Write(p)
	c.out.app.Store(false)
	return n, err
}

// ConnectionState describes the connection. It waits for a handshake that is
// going on.
func (c *Conn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// Resumed reports whether this is a data connection which resumed a ticket of its
// session (or, unless the policy is Require, of another one of the same owner), and
// so proved which session it belongs to. A ticket that was issued on a data
// connection which had proved nothing proves nothing either. It is false before the
// handshake.
func (c *Conn) Resumed() bool { return c.resumed.Load() }

// ResumedOwn reports whether the connection resumed a ticket of its very session,
// and not of another one of the same owner.
func (c *Conn) ResumedOwn() bool { return c.Resumed() && !c.other }

// Truncated reports whether Read returned io.EOF without the client's
// close_notify: the TCP connection ended and nobody vouches that the last byte
// was the last (RFC 8446, section 6.1).
func (c *Conn) Truncated() bool { return c.in.eof.Load() }

// Offered returns the owner of the living session, other than this one, whose
// ticket the client offered in the handshake, "" for none. On a control
// connection that shows a client which keeps the tickets of several sessions in
// one place.
func (c *Conn) Offered() string {
	if !c.established.Load() {
		return ""
	}
	owner, _ := c.session.layer.anywhere(c.offered)
	return owner
}

// NetConn returns the connection below. What is read from it or written to it
// is missing from the TLS stream; closing it cuts the connection without
// close_notify.
func (c *Conn) NetConn() net.Conn { return c.conn }

// LocalAddr returns the local address of the connection below.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the remote address of the connection below.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets both deadlines, as net.Conn describes. A write that failed
// by its deadline cannot be continued.
func (c *Conn) SetDeadline(t time.Time) error {
	c.setLimit(t)
	return c.conn.SetDeadline(t)
}

// SetReadDeadline sets the deadline for Read.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline for Write, Flush and CloseWrite.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.setLimit(t)
	return c.conn.SetWriteDeadline(t)
}

func (c *Conn) setLimit(t time.Time) {
	if t.IsZero() {
		c.limit.Store(0)
		return
	}
	c.limit.Store(t.UnixNano())
}
