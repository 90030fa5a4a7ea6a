package main

import (
	"context"
	"maps"
	"time"

	"github.com/sallyport/sallyport/server"
)

// countEvery is how often an engine asks the others how much of the limits on sessions they take.
const countEvery = time.Second

// meet notes that there is another engine.
func (e *engine) meet() {
	select {
	case e.met <- struct{}{}:
	default: // it is noted already
	}
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

// countOthers has the sessions of other engines count towards the limits while there are other engines, until ctx ends.
// It calls counted after the first count.
func (e *engine) countOthers(ctx context.Context, counted func()) {
	last := map[int]server.Occupancy{}
	some := e.countOnce(ctx, last)
	counted()
	for {
		var wait <-chan time.Time // for ever without other engines
		if some {
			wait = time.After(countEvery)
		}
		select {
		case <-e.met:
		case <-wait:
		case <-ctx.Done():
			return
		}
		some = e.countOnce(ctx, last)
	}
}

// countOnce asks the other engines for what counts, and reports whether there are any. An engine that does not answer
// counts as it has answered last.
func (e *engine) countOnce(ctx context.Context, last map[int]server.Occupancy) (some bool) {
	others := e.others(ctx, engineRequest{Occupied: true})
	if ctx.Err() != nil {
		return false
	}
	var sum server.Occupancy
	now := map[int]server.Occupancy{}
	for _, a := range others {
		if a.Silent {
			a.Occupancy = last[a.Engine]
		}
		now[a.Engine] = a.Occupancy
		sum.Add(a.Occupancy)
	}
	clear(last)
	maps.Copy(last, now)
	e.srv.CountElsewhere(sum)
	return len(others) > 0
}
