package ftptls

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// ReadExact makes a control connection take no byte beyond the record it is
// reading. It costs a system call per record. A server calls it when it hears
// CCC (RFC 2228, section 3) and before it answers, because the client may send
// clear commands right behind its close_notify.
func (c *Conn) ReadExact() { c.in.exact.Store(true) }

// clientFirst is how long Unwrap waits for the client's close_notify before it
// sends its own.
const clientFirst = time.Second

// Unwrap ends TLS on a control connection, after ReadExact and after the reply to
// CCC: it waits for the client's close_notify, sends its own, and returns the
// connection below, on which the client speaks clear text from here on. A client
// that waits for the server's close_notify gets it after a second; sent together
// with the reply it would be the end of the connection to some clients (lftp).
// The deadline set with SetDeadline applies and is gone afterwards. After an
// error, and at the end of all, the caller closes; Close of c closes the
// connection below too.
func (c *Conn) Unwrap() (net.Conn, error) {
	if c.kind != kindControl || !c.in.exact.Load() {
		return nil, errors.New("tls: Unwrap needs a control connection and ReadExact")
	}
	var limit time.Time
	if ns := c.limit.Load(); ns != 0 {
		limit = time.Unix(0, ns)
	}
	soon := time.Now().Add(clientFirst)
	if !limit.IsZero() && limit.Before(soon) {
		soon = limit
	}
	err := c.ended(soon)
	if errors.Is(err, os.ErrDeadlineExceeded) && soon != limit {
		if err := c.CloseWrite(); err != nil {
			return nil, err
		}
		err = c.ended(limit)
	} else if err == nil {
		err = c.CloseWrite()
	}
	if err != nil {
		return nil, err
	}
	return c.conn, c.conn.SetDeadline(time.Time{})
}

// ended waits for the client's close_notify.
func (c *Conn) ended(limit time.Time) error {
	if err := c.conn.SetReadDeadline(limit); err != nil {
		return err
	}
	n, err := c.Read(make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("tls: the client sent more where it had to end TLS")
	case err != io.EOF:
		return fmt.Errorf("tls: waiting for the end of TLS: %w", err)
	case c.Truncated():
		return fmt.Errorf("tls: the client did not end TLS: %w", io.ErrUnexpectedEOF)
	}
	return nil
}
