package server

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/sallyport/sallyport/internal/tcp"
)

// discardSize and discardTime bound what a client may go on sending after its upload was
// refused.
const (
	discardSize = 16 << 20
	discardTime = 10 * time.Second
	// discardPause is how long the client may send nothing before it counts as waiting
	// for the server.
	discardPause = time.Second
)

// discard ends the data connection of a refused upload in order, once the client has
// sent the rest of the upload or the limits are reached. Most clients don't hear the
// refusal while they send: if the connection is reset under them they break off with an
// error of their own, or try again for ever. The reply doesn't wait for discard. A
// session has one such connection at a time.
func (s *session) discard(c *dataConn) {
	if c.finished {
		return
	}
	if s.refused != nil {
		s.refused.abort()
	}
	over := make(chan struct{})
	s.refused, s.discarded = c, over
	stop := context.AfterFunc(s.ctx, c.abort)
	go func() {
		defer close(over)
		defer stop()
		err := rescued(func() error { // the connection that Intercept.Data returned may panic
			c.drop(discardSize, time.Now().Add(discardTime))
			return c.finish()
		})
		var panicked *panicError
		if errors.As(err, &panicked) {
			s.logPanic(panicked.value, panicked.stack)
			s.cut(errPanic)
		}
	}()
}

// awaitDiscard waits at the end of a session for the data connection of a refused
// upload, which the end of the session would reset under its client. Such an end
// comes from a driver that says 421, or from a QUIT that came during the upload.
func (s *session) awaitDiscard() {
	if s.discarded == nil || s.ctl.gone.Load() || s.inbox.left.Load() {
		return
	}
	over := time.NewTimer(discardTime)
	defer over.Stop()
	select {
	case <-s.discarded:
	case <-s.ctx.Done():
	case <-over.C:
	}
}

// drop reads and discards what the client sends until the connection ends, until so many
// bytes have come, or until the time is over. A client that has stopped sending may wait
// for the server's end of the connection, so drop ends the sending side when nothing comes
// any more.
func (c *dataConn) drop(size int64, until time.Time) {
	// Below compression and what Intercept put around: the bytes mean nothing now.
	var from io.Reader = c.idle
	if c.tls != nil {
		from = c.tls
	}
	limit := c.idle.limit
	defer func() { c.idle.limit = limit }()
	buf := make([]byte, 32<<10)
	for shut := false; size > 0; {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		if c.idle.limit = left; !shut {
			c.idle.limit = min(left, discardPause)
		}
		n, err := from.Read(buf[:min(int64(len(buf)), size)])
		size -= int64(n)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && !shut:
			c.shut()
			shut = true
		default:
			return
		}
	}
}

// shut ends the sending side only, with close_notify under TLS.
func (c *dataConn) shut() {
	if c.tls != nil {
		_ = c.tls.CloseWrite()
	}
	if t := tcp.Below(c.idle.Conn); t != nil {
		_ = t.CloseWrite()
	}
}
