package server

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// dataConn is an open data connection.
type dataConn struct {
	io.ReadWriter // tls or idle
	idle          *idleConn
	tls           *tls.Conn // nil in clear
}

const (
	mustResume     = "The data connection must resume the TLS session of the control connection."
	foreignSession = "The data connection resumed the TLS session of another control connection."
)

// openData gets the data connection of a transfer and protects it. Its errors
// are for the client.
func (s *session) openData(ctx context.Context, t *transfer, d dialer) (*dataConn, error) {
	raw, err := d.Accept(ctx)
	if err != nil {
		switch {
		case errors.Is(err, passive.ErrAmbiguous):
			return nil, &dataError{425, "Several data connections came, and none proves to be yours.", err}
		case errors.Is(err, passive.ErrForeign):
			return nil, &dataError{522, foreignSession, err}
		}
		return nil, &dataError{425, "Can't open the data connection.", err}
	}
	t.peer = addrPort(raw.RemoteAddr())
	c := &dataConn{idle: &idleConn{Conn: raw, limit: s.srv.dataTimeout()}}
	c.ReadWriter = c.idle
	if !t.protected {
		return c, nil
	}

	ctx, cancel := context.WithTimeout(ctx, s.srv.handshakeTimeout())
	defer cancel()
	c.idle.prompt = true
	reuse := s.srv.SessionReuse
	if lease, ok := d.(*passive.Lease); ok && lease.MustProve() {
		reuse = tls.Require
	}
	c.tls = s.bind.Data(c.idle, reuse)
	c.ReadWriter = c.tls
	if err := c.tls.HandshakeContext(ctx); err != nil {
		c.abort()
		c.release()
		switch {
		case errors.Is(err, tls.ErrNotResumed):
			return nil, &dataError{522, mustResume, err}
		case errors.Is(err, tls.ErrForeign):
			return nil, &dataError{522, foreignSession, err}
		case errors.Is(err, tls.ErrOtherCertificate):
			return nil, &dataError{522, "The data connection presented another client certificate than the control connection.", err}
		}
		return nil, &dataError{425, "The TLS handshake failed on the data connection.", err}
	}
	c.idle.prompt = false
	t.secured, t.resumed = true, c.tls.Resumed()
	if t.upload {
		ackNow(raw)
	}
	return c, nil
}

// truncated reports, after the end of what the client sent, whether TLS can't
// vouch for that end (RFC 8446, section 6.1).
func (c *dataConn) truncated() bool { return c.tls != nil && c.tls.Truncated() }

// finish ends the connection in order: what is buffered goes out, then
// close_notify, then FIN.
func (c *dataConn) finish() error {
	if c.tls != nil {
		// What is still gathered may take a slow client long; idleConn ends it
		// only when nothing moves.
		c.tls.SetWriteDeadline(time.Now().Add(forever))
		return c.tls.Close()
	}
	return c.idle.Close()
}

// abort ends the connection so that the client can't take what it got for
// complete: no close_notify, and RST instead of FIN. It may be called from any
// goroutine and more than once.
func (c *dataConn) abort() {
	if t := tcp(c.idle.Conn); t != nil {
		t.SetLinger(0)
	}
	c.idle.Close()
}

// release gives back the buffers of an aborted connection.
func (c *dataConn) release() {
	if c.tls != nil {
		c.tls.Close()
	}
}
