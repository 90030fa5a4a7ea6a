package main

import (
	"context"
	"os"
	"runtime"
	"time"
)

// fewThreads lets Go run on one CPU while that is enough, until ctx ends. With
// more of them allowed, each pause of a session makes Go wake another thread,
// which finds nothing to do: a sixth of what a small file costs. Whoever has set
// GOMAXPROCS has decided already. most is how many it may be otherwise, as a process
// has to be told that is confined and can't ask the system any more; 0 is as many as
// Go takes, which follows the system.
func fewThreads(ctx context.Context, most int) {
	last, known := cpuTime()
	if !known || os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 {
		return
	}
	allow := runtime.SetDefaultGOMAXPROCS
	if most > 0 {
		allow = func() { runtime.GOMAXPROCS(most) }
	}
	runtime.GOMAXPROCS(1)
	defer allow()
	timer := time.NewTimer(threadsEvery)
	defer timer.Stop()
	var p pace
	for start := time.Now(); ; timer.Reset(threadsEvery) {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		took := time.Since(start)
		used, _ := cpuTime()
		was := p.several
		switch several := p.adjust(float64(used-last)/float64(took), took-threadsEvery); {
		case several && !was:
			allow()
		case was && !several:
			runtime.GOMAXPROCS(1)
		}
		last, start = used, start.Add(took)
	}
}

// When one CPU is enough. What is between the two parts of it is left as it is:
// with one thread the same work takes less, which must not be a reason to let
// others run again, or the other way round.
const (
	threadsEvery = 200 * time.Millisecond
	oneIsEnough  = 0.75
	oneIsTooFew  = 0.85
	tooLate      = 5 * time.Millisecond
	sureAfter    = 5 // looks in a row
)

// pace decides from what went on whether one CPU is enough. To begin with it is.
type pace struct {
	several bool
	easy    int // looks in a row at which one was enough
}

// adjust takes how many CPUs were busy since the last look, and how late it comes:
// whoever looks has to wait for a CPU like everybody else, also when it is other
// programs that keep this one from being busy. More work is believed at once,
// less only when it lasts.
func (p *pace) adjust(busy float64, late time.Duration) (several bool) {
	switch {
	case busy > oneIsTooFew || late > tooLate:
		p.several, p.easy = true, 0
	case busy > oneIsEnough:
		p.easy = 0
	default:
		p.easy++
		p.several = p.several && p.easy < sureAfter
	}
	return p.several
}
