package tls

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ReadExact makes a control connection take no byte beyond the record it is
// reading. It costs a system call per record. A server calls it when it hears
// CCC (RFC 2228, section 3) and before it answers, because the client may send
// clear commands right behind its close_notify.
func (c *Conn) ReadExact() { c.in.exact.Store(true) }

// Unwrap ends TLS on a control connection, after ReadExact and after the reply
// to CCC: it sends close_notify, waits for the client's, and returns the
// connection below, on which the client speaks clear text from here on. The
// deadlines set apply. After an error, and at the end of all, the caller
// closes; Close of c closes the connection below too.
func (c *Conn) Unwrap() (net.Conn, error) {
	if c.kind != kindControl || !c.in.exact.Load() {
		return nil, errors.New("tls: Unwrap needs a control connection and ReadExact")
	}
	if err := c.CloseWrite(); err != nil {
		return nil, err
	}
	var limit time.Time
	if ns := c.limit.Load(); ns != 0 {
		limit = time.Unix(0, ns)
	}
	if err := c.conn.SetWriteDeadline(limit); err != nil {
		return nil, err
	}
	n, err := c.Read(make([]byte, 1))
	switch {
	case n > 0:
		return nil, errors.New("tls: the client sent more where it had to end TLS")
	case err != io.EOF:
		return nil, fmt.Errorf("tls: waiting for the end of TLS: %w", err)
	case c.Truncated():
		return nil, fmt.Errorf("tls: the client did not end TLS: %w", io.ErrUnexpectedEOF)
	}
	return c.conn, nil
}
