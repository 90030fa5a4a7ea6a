package main

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/server"
)

// countEvery is how often an engine asks the others how much of the limits they take, and which logins they have
// refused.
const countEvery = time.Second

// recountPatience bounds how long a login waits for the other engines.
const recountPatience = 3 * time.Second

// meet notes that there is another engine.
func (e *engine) meet() {
	e.askable.Store(true)
	select {
	case e.met <- struct{}{}:
	default: // it is noted already
	}
}

// recount asks the other engines for what their sessions take, for a login whose account has a limit. It reports false
// if there is no other engine, or if one is known not to answer or does not in time.
func (e *engine) recount(ctx context.Context) (sum server.Occupancy, ok bool) {
	if !e.askable.Load() {
		return sum, false
	}
	ctx, cancel := context.WithTimeout(ctx, recountPatience)
	defer cancel()
	others := e.others(ctx, engineRequest{Occupied: true})
	if ctx.Err() != nil || len(silent(others)) > 0 {
		return sum, false
	}
	for _, a := range others {
		sum.Add(a.Occupancy)
	}
	return sum, true
}

// awaitCount has the sessions of other engines count towards the limits from now on. It returns after the first count,
// or after countEvery if an engine hangs.
func (e *engine) awaitCount(ctx context.Context) {
	counted := make(chan struct{})
	go e.countOthers(ctx, func() { close(counted) })
	select {
	case <-counted:
	case <-time.After(countEvery):
	}
}

// countOthers has what other engines do count here while there are other engines, until ctx ends. It calls counted
// after the first count.
func (e *engine) countOthers(ctx context.Context, counted func()) {
	c := &count{engine: e, last: map[int]server.Occupancy{}}
	some := c.once(ctx)
	counted()
	for {
		var wait <-chan time.Time // for ever without other engines
		if some {
			wait = time.After(countEvery)
		}
		select {
		case <-e.met:
			c.since = time.Time{}
		case <-wait:
		case <-ctx.Done():
			return
		}
		some = c.once(ctx)
	}
}

// count holds what other engines have told.
type count struct {
	*engine
	last  map[int]server.Occupancy // by the process of the engine
	since time.Time                // up to when all refused logins were told; zero for none
}

// once asks the other engines for what counts, and reports whether there are any. An engine that does not answer counts
// as it has answered last.
func (c *count) once(ctx context.Context) (some bool) {
	asked := time.Now()
	others := c.others(ctx, engineRequest{Occupied: true, Refused: &c.since})
	if ctx.Err() != nil {
		return false
	}
	var sum server.Occupancy
	now, all := map[int]server.Occupancy{}, true
	for _, a := range others {
		if a.Silent {
			a.Occupancy, all = c.last[a.Engine], false
		}
		now[a.Engine] = a.Occupancy
		sum.Add(a.Occupancy)
		c.srv.RefusedElsewhere(a.Refusals)
	}
	if c.last = now; all {
		c.since = asked
	}
	c.srv.CountElsewhere(sum)
	c.askable.Store(len(others) > 0 && len(silent(others)) == 0)
	return len(others) > 0
}
