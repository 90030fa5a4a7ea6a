package main

import (
	"context"
	"sync/atomic"
	"time"
)

// pulse tells whether something that beats again and again still does. The zero value has not beaten yet.
type pulse struct{ last atomic.Pointer[time.Time] }

func (p *pulse) beat() {
	now := time.Now()
	p.last.Store(&now)
}

// within reports whether the last beat is at most d ago.
func (p *pulse) within(d time.Duration) bool {
	last := p.last.Load()
	return last != nil && time.Since(*last) <= d
}

const (
	aliveWithin = 20 * time.Second // within which a server that is well answers
	aliveEvery  = 3 * time.Second  // how often it is asked
)

// isAlive returns a function that reports at once whether the server still answers, until ctx ends. The server does not
// if a lock is held for good.
func (d *daemon) isAlive(ctx context.Context) func() bool {
	p := new(pulse)
	p.beat()
	go func() {
		for ctx.Err() == nil {
			d.counts()
			d.ports.Stats()
			p.beat()
			select {
			case <-time.After(aliveEvery):
			case <-ctx.Done():
			}
		}
	}()
	return func() bool { return p.within(aliveWithin) }
}
