package server

import (
	"context"
	"io"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/crowding"
)

// Defaults of Server.EndGrace.
const (
	DefaultEndGrace      = 100 * time.Millisecond // under TLS
	DefaultEndGraceClear = 20 * time.Millisecond  // in clear
	// crowdedGrace is the longest that a default grows to on a machine with more to
	// do than processors: a client that runs there too takes longer to die.
	crowdedGrace = 200 * time.Millisecond
)

// endGrace returns how long an upload waits for news after an end that nothing
// proves.
func (srv *Server) endGrace(secure bool) time.Duration {
	switch {
	case srv.EndGrace < 0:
		return 0
	case srv.EndGrace > 0:
		return srv.EndGrace
	case secure:
		return crowded(DefaultEndGrace)
	}
	return crowded(DefaultEndGraceClear)
}

// crowded returns a default grace for this machine, longer the busier the machine is.
func crowded(grace time.Duration) time.Duration {
	return min(grace*time.Duration(min(crowding.Now(), 5)), crowdedGrace)
}

// endOfUpload decides whether the end of the data is the end of the file. FTP
// marks the end of a file by closing the data connection (RFC 959, section 3.3),
// and so does the kernel of a client that was killed.
func (s *session) endOfUpload(t *transfer, conn *dataConn, up driver.Upload, opts driver.StoreOptions) error {
	t.allMoved()
	proven := conn.in != nil && conn.in.ended || // the compressed stream has an end of its own
		opts.Size > 0 && !t.ascii && t.bytes.Load() == opts.Size // ALLO announced it
	t.truncated = conn.truncated() && !proven
	t.unproven = !proven && (conn.tls == nil || t.truncated)
	switch {
	case t.ctx.Err() != nil:
		return context.Cause(t.ctx)
	case !t.unproven:
		if s.ctl.showsInput() {
			s.hearSent(t) // nothing but ABOR counts against a proven end, which waits for nothing
		}
		return context.Cause(t.ctx)
	case t.truncated && s.srv.RequireCloseNotify:
		return &dataError{426, "The data connection ended without TLS close_notify; nothing was stored.", nil}
	}
	return s.awaitNews(t, up, s.srv.endGrace(conn.tls != nil))
}

// awaitNews waits after an unproven end whether the control connection tells that the
// client was killed or gave up. The kernel of a killed client ends its connections one
// after the other, and the data connection may come first. Meanwhile the driver prepares
// the commit, which may take long and shows nothing yet.
func (s *session) awaitNews(t *transfer, up driver.Upload, grace time.Duration) error {
	s.inbox.hasten()
	over := time.NewTimer(grace)
	defer over.Stop()
	if err := driver.Prepare(up); err != nil {
		return err
	}
	select {
	case <-over.C:
	case <-t.news:
	case <-t.ctx.Done():
	}
	heardAll := s.hearSent(t)
	switch {
	case t.ctx.Err() != nil:
		return context.Cause(t.ctx)
	case s.ctl.gone.Load():
		return &dataError{426, "The client went away during the upload.", nil}
	case t.quit.Load(), t.quitAhead && t.bytes.Load() == 0:
		return &dataError{426, "The client quit before the reply to its upload.", nil}
	case !heardAll:
		return &dataError{426, "Too many commands wait to tell whether the upload is whole.", nil}
	}
	return nil
}

// hearSent hears what the client has already sent on the control connection, such as
// ABOR, before the upload is decided about. It reports whether it has heard all of that.
func (s *session) hearSent(t *transfer) (all bool) {
	s.inbox.relieve()
	all = s.hearWaiting(true, func(in input) { s.hear(in, t) })
	s.inbox.attend(attendAfter, func() { s.attendTo(t) })
	return all
}

// takeSent puts into the inbox what the client has sent before it can know of 150. If the
// control connection has ended, the transfer does not end yet, see abandon.
func (s *session) takeSent() {
	s.inbox.relieve()
	s.hearWaiting(s.ctl.showsInput(), s.inbox.put)
}

// hearWaiting hears the commands that have arrived on the control connection, and the end
// of that connection. Unless look is set it hears only commands that were read together
// with earlier ones. It does not wait for more, and reports whether it has heard all: a
// client may have sent more than the queue takes, with ABOR behind that, for example.
// Behind AUTH and its like it does not look, see held. Only the session's owner calls it,
// while there is no attendant.
func (s *session) hearWaiting(look bool, hear func(input)) (all bool) {
	defer func() {
		s.ctl.readUntil(time.Time{})
		if !s.ctl.gone.Load() && hungUp(s.ctl.raw) {
			s.controlEnded(io.EOF)
		}
	}()
	limit := longAgo // at first only what was read ahead
	for range 4 * maxQueued {
		if s.isEnding() || !s.inbox.mayRead() {
			return s.isEnding() || s.inbox.held()
		}
		s.ctl.readUntil(limit)
		in := s.read()
		if !in.interrupted() {
			hear(in)
			limit = longAgo
			continue
		}
		if !look {
			return true
		}
		if limit = s.ctl.waitingInput(limit); limit.IsZero() {
			return true
		}
	}
	return false
}
