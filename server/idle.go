package server

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// parkAfter is how long a session waits for a command in its goroutine before it is
// parked.
const parkAfter = 500 * time.Millisecond

// waiter is the wait of a session for its next command. It belongs to the session's
// goroutine or, while the session is parked, to the idle poller; wake is for any
// goroutine.
type waiter struct {
	session interface { // whose wait it is
		mustEnd() bool // no command may be read any more
		resume()       // goes on after park, in a goroutine of its own
	}
	ctl    *control
	poller *idlePoller
	ends   time.Time // when the wait is over; zero while there is none
	long   bool      // it has lasted for parkAfter, and goes on parked or in a new goroutine
	number uint64    // in the idle poller

	mu      sync.Mutex // makes either wake or what it ends the first
	reading bool       // from beginWait to endWait
}

// beginWait gives the next read its time. It reports false if there must be none,
// since the session is to end.
func (w *waiter) beginWait(limit time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session.mustEnd() {
		return false
	}
	w.reading = true
	w.ctl.readUntil(limit)
	return true
}

// endWait ends the time that beginWait gave: no deadline may hit a command.
func (w *waiter) endWait() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reading = false
	w.ctl.readUntil(time.Time{})
}

// wake ends the wait, if there is one. Whoever wants the session to end makes mustEnd
// true before.
func (w *waiter) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reading {
		w.ctl.interrupt()
	}
	if w.poller.remove(w) {
		go w.session.resume()
	}
}

// park leaves the wait to the idle poller, unless the session is to end or the poller
// can't. The session's goroutine then has to end.
func (w *waiter) park() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.session.mustEnd() && w.poller.park(w)
}

// mustEnd reports whether the session may read no command any more.
func (s *session) mustEnd() bool { return s.ctx.Err() != nil || s.srv.isDraining() }

// resume goes on after park. Whoever took the session out of the idle poller calls it,
// in a new goroutine.
func (s *session) resume() {
	s.waiter.long = false
	s.live(s.serve())
}

// next waits for a command, no longer than a session may be idle. It reports idle when
// the wait has lasted for parkAfter: then there is neither a command nor an end yet.
func (s *session) next() (in input, idle bool) {
	if s.ctx.Err() == nil {
		if in, ok := s.inbox.take(); ok {
			return in, false
		}
	}
	w := &s.waiter
	if w.ends.IsZero() {
		w.ends = s.idleUntil()
	}
	limit := w.ends
	if soon := time.Now().Add(parkAfter); !w.long && soon.Before(limit) {
		limit = soon
	}
	in = input{err: os.ErrDeadlineExceeded}
	if w.beginWait(limit) {
		in = s.read()
		w.endWait()
	}
	if w.long = in.interrupted() && limit.Before(w.ends); !w.long {
		w.ends = time.Time{}
	}
	switch {
	case s.ctx.Err() != nil:
		s.sayDisconnected(context.Cause(s.ctx))
		return input{err: context.Cause(s.ctx)}, false
	case !in.interrupted():
		return in, false
	case s.srv.isDraining():
		s.write(wire.Text(421, "The server is shutting down."))
		return input{err: errServerClosing}, false
	case w.long:
		return input{}, true
	}
	return s.timedOut(), false
}

// idleUntil returns how long a wait that begins now may last.
func (s *session) idleUntil() time.Time {
	ends := time.Now().Add(s.idleTimeout())
	if s.loggedIn {
		return ends
	}
	return earlier(ends, s.loginSince.Add(s.srv.loginTimeout()))
}

// timedOut tells the client that it was idle for too long.
func (s *session) timedOut() input {
	s.write(wire.Text(421, "Timeout; closing the control connection."))
	if !s.loggedIn {
		return input{err: errLoginTime}
	}
	return input{err: errIdle}
}
