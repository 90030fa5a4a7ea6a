package server

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// dataConn is an open data connection.
type dataConn struct {
	io.ReadWriter // tls or idle
	idle          *idleConn
	tls           *tls.Conn // nil in clear
	around        net.Conn  // what Wrap.Data returned; nil without it
	in            *inflater // MODE Z: one of them
	out           *deflater
	finished      bool
	unattended    int // bytes sent since the last look at what the client sends
}

const (
	mustResume     = "The data connection must resume the TLS session of the control connection."
	foreignSession = "The data connection resumed the TLS session of another control connection."
)

// openData gets the data connection of a transfer and protects it. Its errors
// are for the client.
func (s *session) openData(ctx context.Context, t *transfer, d dialer) (c *dataConn, err error) {
	raw, err := d.Accept(ctx)
	if err != nil {
		return nil, dataFailure(err)
	}
	t.peer = addrPort(raw.RemoteAddr())
	early, greeted := raw.(*earlyConn)
	switch {
	case greeted && !t.protected:
		early.Close()
		return nil, &dataError{code: 425, text: "PROT was changed; open another data connection."}
	case greeted:
		c = early.data
	case !t.protected:
		return newDataConn(raw, s.srv), nil
	default:
		reuse := s.srv.SessionReuse
		if lease, ok := d.(*passive.Lease); ok && lease.MustProve() {
			reuse = tls.Require
		}
		if c, err = s.srv.secureData(ctx, raw, s.bind, reuse); err != nil {
			return nil, dataFailure(err)
		}
	}
	t.secured, t.resumed = true, c.tls.Resumed()
	if t.upload {
		ackNow(raw)
	}
	return c, nil
}

func newDataConn(raw net.Conn, srv *Server) *dataConn {
	c := &dataConn{idle: &idleConn{Conn: raw, limit: srv.dataTimeout(), drains: &srv.drains}}
	c.ReadWriter = c.idle
	return c
}

// secureData does the TLS handshake of a data connection. When it fails the
// connection is closed.
func (srv *Server) secureData(ctx context.Context, raw net.Conn, bind *tls.Session, reuse tls.Reuse) (*dataConn, error) {
	ctx, cancel := context.WithTimeout(ctx, srv.handshakeTimeout())
	defer cancel()
	c := newDataConn(raw, srv)
	c.idle.prompt = true
	c.tls = bind.Data(c.idle, reuse)
	c.ReadWriter = c.tls
	if err := c.tls.HandshakeContext(ctx); err != nil {
		c.abort()
		c.release()
		return nil, err
	}
	c.idle.prompt = false
	return c, nil
}

// earlyConn is a data connection whose handshake was done by greet.
type earlyConn struct {
	net.Conn // the TCP connection
	data     *dataConn
}

// NetConn returns the TCP connection.
func (e *earlyConn) NetConn() net.Conn { return e.Conn }

// Close ends a connection that no transfer wanted.
func (e *earlyConn) Close() error {
	e.data.abort()
	e.data.release()
	return nil
}

// greet is what is done first with a data connection that has proved to be this
// session's; if need be before its transfer is asked for, since some clients
// (curl) hear no reply on their control connection while they wait for the
// handshake on the other. If the session ends meanwhile so does its lease, which
// closes the connection.
func (s *session) greet() func(context.Context, net.Conn) (net.Conn, error) {
	srv, bind, reuse := s.srv, s.bind, s.srv.SessionReuse
	return func(ctx context.Context, raw net.Conn) (net.Conn, error) {
		data, err := srv.secureData(ctx, raw, bind, reuse)
		if err != nil {
			return nil, err
		}
		return &earlyConn{Conn: raw, data: data}, nil
	}
}

// dataFailure says what went wrong before a data connection was there.
func dataFailure(err error) error {
	switch {
	case errors.Is(err, passive.ErrAmbiguous):
		return &dataError{425, "Several data connections came, and none proves to be yours.", err}
	case errors.Is(err, passive.ErrForeign), errors.Is(err, tls.ErrForeign):
		return &dataError{522, foreignSession, err}
	case errors.Is(err, tls.ErrNotResumed):
		return &dataError{522, mustResume, err}
	case errors.Is(err, tls.ErrOtherCertificate):
		return &dataError{522, "The data connection presented another client certificate than the control connection.", err}
	}
	return &dataError{425, "Can't open the data connection.", err}
}

// attendEvery is how many bytes are sent between two looks at what the client
// sends meanwhile: as many as TLS gathers.
const attendEvery = 512 << 10

// send writes a part of a download or listing. Now and then it looks at what the
// client sends, for the sake of TLS, see tls.Conn.Attend.
func (c *dataConn) send(p []byte) (int, error) {
	if c.unattended += len(p); c.unattended >= attendEvery {
		if err := c.attend(); err != nil {
			return 0, err
		}
	}
	return c.Write(p)
}

func (c *dataConn) attend() error {
	c.unattended = 0
	if c.tls == nil {
		return nil
	}
	return c.tls.Attend(func() bool {
		waits, _ := inputWaits(tcp(c.idle.Conn))
		return waits
	})
}

// truncated reports, after the end of what the client sent, whether TLS can't
// vouch for that end (RFC 8446, section 6.1).
func (c *dataConn) truncated() bool { return c.tls != nil && c.tls.Truncated() }

// finish ends the connection in order, once: what is buffered goes out, then
// close_notify, then FIN. What the client may still send is read and dropped later,
// see drains.
func (c *dataConn) finish() error {
	if c.finished {
		return nil
	}
	c.finished = true
	closed := false
	defer func() {
		if !closed { // a panic in what Wrap put around it
			c.abort()
			c.release()
		}
	}()
	err := c.end()
	closed = true
	return err
}

func (c *dataConn) end() error {
	if c.out != nil {
		if err := c.out.end(); err != nil {
			return err
		}
	}
	if c.tls != nil {
		// What is still gathered may take a slow client long; idleConn ends it
		// only when nothing moves.
		c.tls.SetWriteDeadline(time.Now().Add(forever))
	}
	c.idle.order.Store(true)
	switch {
	case c.around != nil:
		return c.around.Close()
	case c.tls != nil:
		return c.tls.Close()
	}
	return c.idle.Close()
}

// abort ends the connection so that the client can't take what it got for
// complete: no close_notify, and RST instead of FIN. It may be called from any
// goroutine and more than once, and does nothing when the connection has ended in
// order.
func (c *dataConn) abort() {
	c.idle.cut()
}

// release gives back the buffers of an aborted connection.
func (c *dataConn) release() {
	if c.tls != nil {
		c.tls.Close()
	}
}
