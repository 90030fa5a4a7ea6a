package server

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// fair shares the processors among sessions that would keep one busy for long:
// by checksums, long listings, or commands without end. Each computes in turns
// and fewer at a time than there are processors, so that one is free for whoever
// has little to do. This is not left to Go's scheduler, because that looks for
// what came from the network only every ten milliseconds while no processor is
// idle. The zero value is ready.
type fair struct {
	mu   sync.Mutex
	held []*place
	line []*place  // in the order they came
	busy time.Time // since when places were held, but for moments
	free time.Time // when the last place was given back
}

// place is the right to compute. It belongs to one goroutine.
type place struct {
	fair  *fair
	ctx   context.Context
	since time.Time
	ready chan struct{} // closed when it is held; nil when it did not wait
}

const (
	// turnTime is how long a place is kept while others wait for one.
	turnTime = time.Millisecond
	// lostAfter is when a place is given to another because its owner can't be
	// computing: a driver waits for a disk, or a client for its data.
	lostAfter = 5 * time.Millisecond
	// alone is how long the only processor may be busy before it is free for a
	// moment.
	alone = 2 * time.Millisecond
	// moment is too short for the processor to have been free.
	moment = 100 * time.Microsecond
)

// take waits for a place, or until ctx ends. Call give at the end.
func (f *fair) take(ctx context.Context) *place {
	p := &place{fair: f, ctx: ctx}
	p.take()
	return p
}

// breathe gives way to others when it is time. Call it every few microseconds.
func (p *place) breathe() {
	if time.Since(p.since) >= turnTime {
		p.give()
		p.take()
	}
}

func (p *place) take() {
	f := p.fair
	p.since, p.ready = time.Now(), nil
	f.mu.Lock()
	if f.hasRoom(p.since) && len(f.line) == 0 {
		f.hold(p, p.since)
		f.mu.Unlock()
		return
	}
	p.ready = make(chan struct{})
	f.line = append(f.line, p)
	f.mu.Unlock()
	p.wait()
}

// wait waits for the turn, and sees to it that lost places are found.
func (p *place) wait() {
	look := time.NewTicker(lostAfter)
	defer look.Stop()
	for {
		select {
		case <-p.ready:
			return
		case <-look.C:
			p.fair.mu.Lock()
			p.fair.admit(time.Now())
			p.fair.mu.Unlock()
		case <-p.ctx.Done():
			p.fair.mu.Lock()
			p.leave()
			p.fair.mu.Unlock()
			return
		}
	}
}

// leave takes p out of where it is. The caller holds mu.
func (p *place) leave() {
	f := p.fair
	if i := slices.Index(f.line, p); i >= 0 {
		f.line = slices.Delete(f.line, i, i+1)
	}
	if i := slices.Index(f.held, p); i >= 0 {
		f.held = slices.Delete(f.held, i, i+1)
	}
}

// give lets the next have the place.
func (p *place) give() {
	f := p.fair
	now := time.Now()
	if f.exhausted(now) {
		time.Sleep(time.Microsecond)
		now = time.Now()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p.leave()
	f.admit(now)
	if len(f.held) == 0 {
		f.free = now
	}
}

// exhausted reports whether the only processor has long been busy. It then looks
// for what came from the network only when it has nothing to do.
func (f *fair) exhausted(now time.Time) bool {
	if runtime.GOMAXPROCS(0) > 1 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.busy) < alone {
		return false
	}
	f.busy = now
	return true
}

// admit gives places to those in line. The caller holds mu.
func (f *fair) admit(now time.Time) {
	for len(f.line) > 0 && f.hasRoom(now) {
		next := f.line[0]
		f.line = slices.Delete(f.line, 0, 1)
		f.hold(next, now)
		close(next.ready)
	}
}

// fairPlaces is how many compute at a time.
func fairPlaces() int { return max(runtime.GOMAXPROCS(0)-1, 1) }

// hasRoom takes lost places away where it must. The caller holds mu.
func (f *fair) hasRoom(now time.Time) bool {
	places := fairPlaces()
	for i := 0; i < len(f.held) && len(f.held) >= places; i++ {
		if now.Sub(f.held[i].since) > lostAfter {
			f.held = slices.Delete(f.held, i, i+1)
			i--
		}
	}
	return len(f.held) < places
}

func (f *fair) hold(p *place, now time.Time) {
	if len(f.held) == 0 && now.Sub(f.free) > moment {
		f.busy = now
	}
	p.since = now
	f.held = append(f.held, p)
}
