package main

import (
	"context"
	"os"
	"runtime"
	"time"
)

// fewThreads lets Go run on one CPU while that is enough, until ctx ends. If more
// are allowed, each pause of a session makes Go wake another thread, which finds
// nothing to do: a sixth of what a small file costs. It does nothing if somebody has
// set GOMAXPROCS. most is the GOMAXPROCS for when one CPU is not enough: a confined
// process has to be told, since it can't ask the system any more. 0 leaves the
// number to Go, which asks the system.
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

// When one CPU is enough. Between the two loads the setting stays as it is
// (hysteresis): one thread needs less CPU for the same work, so a single threshold
// would flap.
const (
	threadsEvery = 200 * time.Millisecond
	oneIsEnough  = 0.75
	oneIsTooFew  = 0.85
	tooLate      = 5 * time.Millisecond
	sureAfter    = 5 // looks in a row
)

// pace decides from the load whether one CPU is enough. At first one is.
type pace struct {
	several bool
	easy    int // looks in a row at which one CPU was enough
}

// adjust decides from how many CPUs were busy since the last look, and from how late
// the look comes: the looking goroutine waits for a CPU like any other, even if
// other programs keep the CPUs busy. A rise of the load counts at once, a fall only
// once it lasts.
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
