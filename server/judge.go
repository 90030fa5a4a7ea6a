package server

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// judge makes logins wait for their turn, as guard decides, and tells guard what came
// of them. Sessions call enter, drag, leave and forgive only, so that several processes
// may have one judge some day; a change of settings calls startMore. Methods may be
// called concurrently.
type judge struct {
	places func() int // how many guesses are judged at once

	mu    sync.Mutex
	guard guard
	timer *time.Timer // wakes the next guess; nil while none waits for a time
}

// judgeSlow is how long a guess may take before the next one begins. No hash
// takes so long, but a backend that asks a host which is gone does.
const judgeSlow = time.Second

// errCrowded is the error of a login whose turn did not come within LoginTimeout.
var errCrowded = errors.New("server: other logins were judged first until LoginTimeout was over")

// entrant is a session that asks for a guess of a user's password to be judged.
type entrant struct {
	from     netip.Prefix
	user     string
	fails    int             // refused logins of the session so far
	draining <-chan struct{} // closed when nobody new is judged any more
	inLine   func(bool)      // called when a wait begins and when it ends; not called without a wait
}

// enter waits until a guess may be judged, as long as ctx lasts. Call leave when the
// guess was judged. An error says why the guess may not be judged; leave must not be
// called then.
func (j *judge) enter(ctx context.Context, e entrant) (*turn, error) {
	j.mu.Lock()
	w := j.guard.ask(e.from, e.user, e.fails, time.Now())
	j.dispatch()
	j.mu.Unlock()

	if err := w.wait(ctx, e); err != nil && j.withdraw(w) {
		return nil, err
	}
	return &turn{w, time.AfterFunc(judgeSlow, func() { j.drag(w) })}, nil
}

// turn is a guess that is being judged.
type turn struct {
	guess *guess
	slow  *time.Timer
}

// wait waits for the guess's turn, and tells e.inLine if there is anything to wait for.
func (w *guess) wait(ctx context.Context, e entrant) error {
	select {
	case <-w.ready:
		return nil
	default:
	}
	e.inLine(true)
	defer e.inLine(false)
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.draining:
		return errServerClosing
	}
}

// withdraw takes a guess back, except a guess whose turn has come meanwhile.
func (j *judge) withdraw(w *guess) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case <-w.ready:
		return false
	default:
		j.guard.drop(w)
		return true
	}
}

// leave ends a guess that was judged, with its verdict.
func (j *judge) leave(t *turn, v verdict) {
	t.slow.Stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.guard.done(t.guess, v, time.Now())
	j.dispatch()
}

// startMore starts the guesses that may start since there are more places.
func (j *judge) startMore() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dispatch()
}

// forgive takes back that a guess was refused, once.
func (j *judge) forgive(t *turn) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.guard.forgive(t.guess, time.Now())
}

func (j *judge) drag(w *guess) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.guard.drag(w)
	j.dispatch()
}

// dispatch starts the guesses that may start now, and sets the timer for when more may.
// The caller holds mu.
func (j *judge) dispatch() {
	if j.timer != nil {
		j.timer.Stop()
		j.timer = nil
	}
	for {
		now := time.Now()
		w, again := j.guard.next(now, j.places())
		if w != nil {
			j.guard.start(w, now)
			continue
		}
		if !again.IsZero() {
			j.timer = time.AfterFunc(again.Sub(now), func() {
				j.mu.Lock()
				defer j.mu.Unlock()
				j.dispatch()
			})
		}
		return
	}
}

// maxLogins returns how many logins are judged at once: by default one fewer than there
// are processors, which leaves a processor to sessions that have logged in.
func (srv *Server) maxLogins() int {
	return count(srv.inForce().MaxLogins, max(runtime.GOMAXPROCS(0)-1, 1))
}
