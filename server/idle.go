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
	session interface { // that waits
		mustEnd() bool // no command may be read any more
		resume()       // goes on with the session after park, in a goroutine of its own
	}
	ctl    *control
	poller *idlePoller
	ends   time.Time // when the wait is over; zero while there is none
	long   bool      // the wait has lasted for parkAfter, and goes on parked or in a new goroutine
	number uint64    // in the idle poller

	mu         sync.Mutex     // guards what follows; not held while the connection, the embedder's, is called
	reading    bool           // from beginWait to endWait
	woken      bool           // wake has interrupted this wait, or is about to
	interrupts sync.WaitGroup // counts calls of wake that interrupt the wait
}

// beginWait sets the deadline of the next read. It returns false if the session is to
// end, so that no command may be read.
func (w *waiter) beginWait(limit time.Time) bool {
	w.mu.Lock()
	w.reading, w.woken = true, false
	w.mu.Unlock()
	w.ctl.readUntil(limit)
	// This deadline may have replaced the one by which wake interrupts. In that case
	// mustEnd is true: whoever calls wake has seen to that before.
	if w.session.mustEnd() {
		w.endWait()
		return false
	}
	return true
}

// endWait removes the deadline that beginWait or wake set, so that no deadline hits a
// command.
func (w *waiter) endWait() {
	w.mu.Lock()
	w.reading = false
	w.mu.Unlock()
	w.interrupts.Wait() // an interrupt after readUntil would hit a command
	w.ctl.readUntil(time.Time{})
}

// wake ends the wait, if there is one. Call it after making mustEnd true, so that the
// session does not wait again.
func (w *waiter) wake() {
	w.mu.Lock()
	interrupt := w.reading && !w.woken
	if interrupt {
		w.woken = true
		w.interrupts.Add(1)
	}
	parked := w.poller.remove(w)
	w.mu.Unlock()
	if parked {
		go w.session.resume()
	}
	if interrupt {
		defer w.interrupts.Done() // the connection may panic
		w.ctl.interrupt()
	}
}

// park leaves the wait to the idle poller, and reports whether the poller has it. If
// so, the session's goroutine has to end; if not, the session is to end or the poller
// can't wait for it.
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
	s.goOn()
}

// next waits for a command, no longer than a session may be idle. It returns idle when
// the wait has lasted for parkAfter and brought neither a command nor the end.
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

// idleUntil returns until when a wait that begins now may last.
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
