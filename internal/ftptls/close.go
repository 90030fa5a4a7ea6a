package ftptls

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"time"
)

// closeTimeout is how long a peer that takes nothing can delay Close.
const closeTimeout = 2 * time.Second

var errBroken = errors.New("closed during a write")

// Flush sends what Write gathered. If Write has gathered nothing, Flush does
// nothing: a ticket that is held back stays.
func (c *Conn) Flush() error {
	if !c.out.dirty.Load() {
		return nil
	}
	return c.out.flush()
}

// CloseWrite sends what Write gathered and close_notify, in one go; reading
// goes on. Call it when a download is complete, and when an upload's Read has
// returned io.EOF: clients wait for it. The handshake must be over.
//
// An error means that written data was lost. A client who has gone away and does
// not hear close_notify makes no error.
func (c *Conn) CloseWrite() error {
	if !c.established.Load() {
		return errors.New("tls: CloseWrite before the handshake")
	}
	written := c.out.dirty.Load()
	if !written {
		_ = c.conn.SetWriteDeadline(c.closeLimit(false))
	}
	c.out.gather.Store(true)
	err := c.tls.CloseWrite()
	if failed := c.out.flush(); err == nil {
		err = failed
	}
	if written && err != nil {
		return fmt.Errorf("tls: written data was lost: %w", err)
	}
	return nil
}

// Close sends what Write gathered and close_notify, if the handshake is over,
// and closes the connection. It takes two seconds at most, or until the
// deadline for writing when data is waiting. A Read or Write going on elsewhere
// is broken off. An error means that written data was lost or that the
// connection could not be closed; a second call returns net.ErrClosed.
func (c *Conn) Close() error {
	if c.established.Load() {
		return c.shut()
	}
	_ = c.conn.SetWriteDeadline(c.closeLimit(false))
	return c.tls.Close()
}

// shut does what Close does, once the handshake is over.
func (c *Conn) shut() error {
	// Set the deadline before anything else: crypto/tls waits for a record that the
	// reading side is sending, an answer to KeyUpdate for instance.
	_ = c.conn.SetWriteDeadline(c.closeLimit(c.out.dirty.Load()))
	c.out.gather.Store(true)
	if err := c.tls.Close(); err == net.ErrClosed {
		return err // closed before
	}
	// crypto/tls's own error may be about close_notify alone.
	err := c.transport.Close()
	if c.out.dirty.Swap(false) {
		return fmt.Errorf("tls: written data was lost: %w", cmp.Or(err, errBroken))
	}
	return err
}

// closeLimit returns the deadline for the last write: soon, but later if the caller
// has granted written data more time.
func (c *Conn) closeLimit(written bool) time.Time {
	soon := time.Now().Add(closeTimeout)
	if limit := time.Unix(0, c.limit.Load()); written && limit.After(soon) {
		return limit
	}
	return soon
}
