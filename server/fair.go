package server

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// fair shares the processors among sessions that would keep one busy for long: by
// checksums, long listings, or commands without end. Such sessions compute in turns,
// fewer at a time than there are processors, so that one processor is free for whoever
// has little to do. This is not left to Go's scheduler: while no processor is idle the
// scheduler looks only every ten milliseconds for what came from the network. Whoever
// has computed little goes first. The zero value is ready.
type fair struct {
	mu   sync.Mutex
	held []*place
	line []*place  // those that wait, in the order they came
	busy time.Time // since when places have been held, gaps shorter than freeTime included
	free time.Time // when the last place was given back
}

// place is the right of one session to compute. It belongs to one goroutine.
type place struct {
	fair  *fair
	ctx   context.Context
	spent *spent
	since time.Time
	ready chan struct{} // closed when the place is held; nil if there was no wait
}

// spent is how much a session has computed lately. fair.mu guards it. The zero value
// is nothing.
type spent struct{ until time.Time } // when all will be forgotten

const (
	// rememberFor is for how many milliseconds a millisecond of computing is
	// remembered. mostRemembered is how long at most all that a session has computed
	// is remembered.
	rememberFor    = 1000
	mostRemembered = 10 * time.Second
	// turnTime is how long a place is kept while others wait for one.
	turnTime = time.Millisecond
	// lostAfter is how long a place is held before it is given to another session. The
	// holder can't be computing then: its driver waits for a disk, or its client for
	// data.
	lostAfter = 5 * time.Millisecond
	// aloneTime is how long the only processor may be busy before give leaves it free
	// for a moment.
	aloneTime = 2 * time.Millisecond
	// freeTime is the shortest time without a holder that counts as free.
	freeTime = 100 * time.Microsecond
)

// take waits for a place, or until ctx ends. Call give at the end.
func (f *fair) take(ctx context.Context, session *spent) *place {
	p := &place{fair: f, ctx: ctx, spent: session}
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

// wait waits until p gets a place. Meanwhile it takes back, by admit, the places of
// holders who don't give them back.
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

// leave takes p out of the line or of the places held, and reports whether p was held.
// The caller holds mu.
func (p *place) leave() (held bool) {
	f := p.fair
	if i := slices.Index(f.line, p); i >= 0 {
		f.line = slices.Delete(f.line, i, i+1)
	}
	i := slices.Index(f.held, p)
	if i >= 0 {
		f.held = slices.Delete(f.held, i, i+1)
	}
	return i >= 0
}

// give gives the place to the next in line.
func (p *place) give() {
	f := p.fair
	now := time.Now()
	if f.exhausted(now) {
		time.Sleep(time.Microsecond)
		now = time.Now()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.leave() {
		p.pay(now)
	}
	f.admit(now)
	if len(f.held) == 0 {
		f.free = now
	}
}

// exhausted reports whether the only processor has been busy for long. give then
// sleeps for a moment, because Go's scheduler looks for input from the network only
// when it has nothing else to do.
func (f *fair) exhausted(now time.Time) bool {
	if runtime.GOMAXPROCS(0) > 1 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.busy) < aloneTime {
		return false
	}
	f.busy = now
	return true
}

// pay remembers how long the place was held. The caller holds mu.
func (p *place) pay(now time.Time) {
	if p.spent.until.Before(now) {
		p.spent.until = now
	}
	p.spent.until = p.spent.until.Add(rememberFor * now.Sub(p.since))
	if most := now.Add(mostRemembered); p.spent.until.After(most) {
		p.spent.until = most
	}
}

// admit gives the free places to the sessions in line that have computed least lately,
// among equals to the first. The caller holds mu.
func (f *fair) admit(now time.Time) {
	for len(f.line) > 0 && f.hasRoom(now) {
		least := 0
		for i, p := range f.line {
			if p.owes(now) < f.line[least].owes(now) {
				least = i
			}
		}
		next := f.line[least]
		f.line = slices.Delete(f.line, least, least+1)
		f.hold(next, now)
		close(next.ready)
	}
}

// owes returns how long it will take to forget what p's session has computed.
func (p *place) owes(now time.Time) time.Duration { return max(p.spent.until.Sub(now), 0) }

// fairPlaces returns how many sessions compute at a time.
func fairPlaces() int { return max(runtime.GOMAXPROCS(0)-1, 1) }

// hasRoom reports whether a place is free. If none is, it takes back the places held
// for longer than lostAfter. The caller holds mu.
func (f *fair) hasRoom(now time.Time) bool {
	places := fairPlaces()
	for i := 0; i < len(f.held) && len(f.held) >= places; i++ {
		if now.Sub(f.held[i].since) > lostAfter {
			f.held[i].pay(now)
			f.held = slices.Delete(f.held, i, i+1)
			i--
		}
	}
	return len(f.held) < places
}

func (f *fair) hold(p *place, now time.Time) {
	if len(f.held) == 0 && now.Sub(f.free) > freeTime {
		f.busy = now
	}
	p.since = now
	f.held = append(f.held, p)
}
