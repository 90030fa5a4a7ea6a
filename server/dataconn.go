package server

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/sallyport/sallyport/internal/ftptls"
	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// dataConn is an open data connection.
type dataConn struct {
	io.ReadWriter // tls or idle
	idle          *idleConn
	tls           *ftptls.Conn // nil in clear
	around        net.Conn     // what Intercept.Data returned; nil without it
	in            *inflater    // decompresses an upload in MODE Z; nil without
	out           *deflater
	finished      bool
	unattended    int // bytes sent since the last look at what the client sends
}

const (
	mustResume     = "The data connection must resume the TLS session of the control connection; log in again if it can't."
	foreignSession = "The data connection resumed the TLS session of another control connection."
)

// openData gets the data connection of a transfer and protects it. Its errors
// are for the client.
func (s *session) openData(ctx context.Context, t *transfer, from dataSource) (*dataConn, error) {
	conn, err := from.Accept(ctx)
	if err != nil {
		return nil, s.dataFailure(err)
	}
	t.peer = addrPort(conn.RemoteAddr())
	c, secured := conn.(*dataConn)
	switch {
	case secured && !t.protected:
		c.Close()
		return nil, &dataError{code: 425, text: "PROT was changed; open another data connection."}
	case secured:
	case !t.protected:
		return newDataConn(conn, s.srv), nil
	default:
		if c, err = s.secureData(ctx, conn, s.reuse()); err != nil {
			return nil, s.dataFailure(err)
		}
	}
	t.secured, t.resumed = true, c.tls.Resumed()
	if s.srv.tellsTransfers() {
		t.tls = newTLSInfo(c.tls.ConnectionState())
	}
	t.sibling = t.resumed && !c.tls.ResumedOwn()
	t.sorted = t.resumed && !t.sibling && !s.ctl.bind.Alone()
	if t.upload {
		ackNow(c.idle.Conn)
	}
	return c, nil
}

// reuse returns what is demanded of a data connection whose port asked for no
// proof: in active mode, and after a PASV from before PROT P.
func (s *session) reuse() tls.Reuse {
	if d := s.demand(); s.reuseDemanded() == tls.Prefer && (d == passive.Expected || d == passive.Required) {
		return tls.Require
	}
	return s.reuseDemanded()
}

// demand returns what the next data connection has to prove.
func (s *session) demand() passive.ProofPolicy {
	if s.srv.SharedAddress {
		return passive.Required // the address of a client says nothing
	}
	s.proof.shares = s.ctl.bind != nil && !s.ctl.bind.Alone() && !s.proof.steady() && !s.keepsApart()
	return s.proof.demand(s.reuseDemanded())
}

// keepsApart reports whether the client's program is known to keep the TLS tickets
// of its sessions apart.
func (s *session) keepsApart() bool { return s.proof.sorted >= sortedAfter || s.ctl.bind.Apart() }

func newDataConn(raw net.Conn, srv *Server) *dataConn {
	c := &dataConn{idle: &idleConn{Conn: raw, limit: srv.dataTimeout(), drains: &srv.drains}}
	c.ReadWriter = c.idle
	return c
}

// secureData does the TLS handshake of a data connection. If the handshake fails
// the connection is closed. A panic of the embedder's TLS functions counts as such
// a failure: it must not end the session, since the client on the other side may be
// anybody.
func (s *session) secureData(ctx context.Context, raw net.Conn, reuse tls.Reuse) (secured *dataConn, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.srv.handshakeTimeout())
	defer cancel()
	c := newDataConn(raw, s.srv)
	c.idle.prompt = true
	c.tls = s.ctl.bind.Data(c.idle, reuse)
	c.ReadWriter = c.tls
	defer func() {
		if v := recover(); v != nil {
			s.logPanic(v, debug.Stack())
			err = errPanic
		}
		if err != nil {
			c.abort()
			c.release()
		}
	}()
	if err := c.tls.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	c.idle.prompt = false
	return c, nil
}

// dataFailure returns the reply to a transfer that got no data connection. Missing
// proof is a permanent error, 522, only where every client has to prove itself;
// elsewhere 425 tells a client that never resumes to try again.
func (s *session) dataFailure(err error) error {
	code := 425
	if s.reuseDemanded() == tls.Require || s.srv.SharedAddress {
		code = 522
	}
	switch {
	case errors.Is(err, passive.ErrRetired):
		return &dataError{425, "Others needed your data port, unused for seconds; send PASV or EPSV again.", err}
	case errors.Is(err, passive.ErrAmbiguous):
		return &dataError{425, "No data connection proves to be yours, and one came that may be another's.", err}
	case errors.Is(err, passive.ErrForeign), errors.Is(err, tls.ErrForeign):
		return &dataError{code, foreignSession, err}
	case errors.Is(err, tls.ErrOtherCertificate):
		return &dataError{522, "The data connection presented another client certificate than the control connection.", err}
	case isUnproven(err):
		return &dataError{code, mustResume, err}
	}
	return &dataError{425, "Can't open the data connection.", err}
}

// attendEvery is how many bytes of a download are sent between two looks at what
// the client sends meanwhile: as many as TLS gathers.
const attendEvery = 512 << 10

// send writes a part of a download or listing. Now and then it looks at what the
// client sends, for the sake of TLS, see ftptls.Conn.Attend.
func (c *dataConn) send(p []byte) (int, error) {
	if c.unattended += len(p); c.unattended >= attendEvery {
		if err := c.attend(); err != nil {
			return 0, err
		}
	}
	return c.Write(p)
}

// flush sends what compression and TLS have gathered.
func (c *dataConn) flush() error {
	if c.out != nil {
		if err := c.out.flush(); err != nil {
			return err
		}
	}
	if c.tls != nil {
		return c.tls.Flush()
	}
	return nil
}

func (c *dataConn) attend() error {
	c.unattended = 0
	if c.tls == nil {
		return nil
	}
	return c.tls.Attend(func() bool {
		waits, _ := inputWaits(tcp.Below(c.idle.Conn))
		return waits
	})
}

// Close ends a connection that no transfer used. A TLS connection that resumed no
// session is reset, so that nobody takes it for an empty file. Any other connection
// ends in order, because under TLS it then brings the client a ticket, which the
// client needs for the next connection.
func (c *dataConn) Close() error {
	if c.tls != nil && !c.tls.Resumed() {
		c.abort()
		c.release()
		return nil
	}
	return c.finish()
}

// The other methods of net.Conn are those of the TCP connection.

func (c *dataConn) NetConn() net.Conn                  { return c.idle.Conn }
func (c *dataConn) LocalAddr() net.Addr                { return c.idle.Conn.LocalAddr() }
func (c *dataConn) RemoteAddr() net.Addr               { return c.idle.Conn.RemoteAddr() }
func (c *dataConn) SetDeadline(t time.Time) error      { return c.idle.Conn.SetDeadline(t) }
func (c *dataConn) SetReadDeadline(t time.Time) error  { return c.idle.Conn.SetReadDeadline(t) }
func (c *dataConn) SetWriteDeadline(t time.Time) error { return c.idle.Conn.SetWriteDeadline(t) }

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
		if !closed { // a panic in the connection that Intercept.Data returned
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
		// A slow client may take long to read what is still gathered; idleConn ends
		// the connection only when nothing moves.
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

// abort ends the connection so that the client can't take what it got for complete:
// without close_notify, and by RST instead of FIN. It may be called from any
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
