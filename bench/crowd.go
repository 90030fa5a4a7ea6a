package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// A crowd is a number of sessions that transfer at the same time, one transfer after the other
// each. A failed transfer is counted and not repeated. A session that can't go on after it logs
// in again.
type crowd struct {
	dialer *dialer

	// steps is how many transfers each session makes; step makes transfer i of session s.
	steps int
	step  func(c *client, s, i int) error

	// after, if not nil, is called after each step. Its time doesn't count as waiting.
	after func()

	// budget bounds the time of all transfers. Transfers that have not begun by then count as
	// failed. Zero sets no bound.
	budget time.Duration

	members []*client // nil for a session that is not logged in
}

// A tally is the result of a crowd's transfers.
type tally struct {
	asked, done, stolen int
	waits               []time.Duration // of the transfers in done
	err                 error           // the first failure
}

// gather logs the sessions in. A session that the server refuses tries again before each of its
// transfers.
func (w *crowd) gather(ctx context.Context, sessions int) (err error) {
	w.members, err = w.dialer.admitted(ctx, sessions)
	return err
}

// disperse closes the sessions.
func (w *crowd) disperse() { hangUp(w.members) }

// run makes all transfers, and counts failures in the tally.
func (w *crowd) run(ctx context.Context) *tally {
	t := &tally{asked: len(w.members) * w.steps}
	var until time.Time
	if w.budget > 0 {
		until = time.Now().Add(w.budget)
	}
	var mu sync.Mutex
	_ = together(len(w.members), len(w.members), func(s int) error {
		for i := range w.steps {
			if ctx.Err() != nil || !until.IsZero() && time.Now().After(until) {
				break
			}
			wait, err := w.one(ctx, s, i)
			mu.Lock()
			t.add(wait, err)
			mu.Unlock()
		}
		return nil
	})
	return t
}

// one makes one transfer, after a login if the session needs one.
func (w *crowd) one(ctx context.Context, s, i int) (wait time.Duration, err error) {
	if old := w.members[s]; old == nil || old.lost {
		c, err := w.dialer.login(ctx)
		if err != nil {
			return 0, err
		}
		if old != nil {
			c.data, c.resumed = old.data, old.resumed
			old.close()
		}
		w.members[s] = c
	}
	began := time.Now()
	err = w.step(w.members[s], s, i)
	wait = time.Since(began)
	if w.after != nil {
		w.after()
	}
	return wait, err
}

func (t *tally) add(wait time.Duration, err error) {
	switch {
	case err == nil:
		t.done++
		t.waits = append(t.waits, wait)
	case errors.Is(err, errWrong):
		t.stolen++
	}
	if t.err == nil {
		t.err = err
	}
}

// hopeless returns the first failure if no transfer was done or any bytes were wrong.
func (t *tally) hopeless() error {
	if t.done == 0 || t.stolen > 0 {
		return t.err
	}
	return nil
}

// sample returns done and asked, and the waits if there are any.
func (t *tally) sample() sample {
	s := sample{asked: float64(t.asked), done: float64(t.done)}
	if len(t.waits) > 0 {
		slices.Sort(t.waits)
		s[waited] = t.waits[len(t.waits)/2].Seconds()
		s[waitMost] = t.waits[len(t.waits)-1].Seconds()
	}
	return s
}
