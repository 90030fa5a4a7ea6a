package server

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// restAfter is how long a session waits for a command before it counts as
// resting.
const restAfter = 500 * time.Millisecond

// next waits for a command, no longer than a session may be idle.
func (s *session) next() input {
	if len(s.queue) > 0 && s.ctx.Err() == nil {
		in := s.queue[0]
		s.queue = s.queue[1:]
		return in
	}
	if s.waitEnds.IsZero() {
		s.waitEnds = time.Now().Add(s.srv.idleTimeout())
		if login := s.loginSince.Add(s.srv.loginTimeout()); !s.loggedIn && login.Before(s.waitEnds) {
			s.waitEnds = login
		}
	}
	limit := s.waitEnds
	if soon := time.Now().Add(restAfter); !s.rested && soon.Before(limit) {
		limit = soon
	}
	in := input{err: os.ErrDeadlineExceeded}
	if s.rest(limit) {
		in = s.read()
		s.rise()
	}
	over := errors.Is(in.err, os.ErrDeadlineExceeded)
	if s.rested = over && limit.Before(s.waitEnds); !s.rested {
		s.waitEnds = time.Time{}
	}
	switch {
	case s.ctx.Err() != nil:
		s.sayDisconnected(context.Cause(s.ctx))
		return input{err: context.Cause(s.ctx)}
	case !over:
		return in
	case s.srv.isDraining():
		s.write(wire.Text(421, "The server is shutting down."))
		return input{err: errServerClosing}
	case s.rested:
		return input{err: errResting}
	}
	s.write(wire.Text(421, "Timeout; closing the control connection."))
	if !s.loggedIn {
		return input{err: errLoginTime}
	}
	return input{err: errIdle}
}

// rest gives the next read its time, and reports whether it makes sense at all.
func (s *session) rest(limit time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.srv.isDraining() {
		return false
	}
	s.resting = true
	s.raw.SetReadDeadline(limit)
	return true
}

// rise ends the rest: no deadline may hit a command.
func (s *session) rise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resting = false
	s.raw.SetReadDeadline(time.Time{})
}

// wake ends a rest from outside.
func (s *session) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resting {
		s.raw.SetReadDeadline(longAgo)
	}
	if s.srv.lounge.fetch(s) {
		go s.resume()
	}
}

// park rests in the lounge, unless the session is to end or there is no place.
func (s *session) park() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx.Err() == nil && !s.srv.isDraining() && s.srv.lounge.park(s)
}

// resume goes on after park. Whoever took the session out of the lounge calls it,
// in a new goroutine.
func (s *session) resume() {
	s.rested = false
	s.live(s.serve())
}
