package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// errManyAsked is that no more questions are asked until one is answered.
var errManyAsked = errors.New("too many wait for its answer already")

// questions are those under way that a source of users which is elsewhere was asked.
type questions struct {
	places chan struct{}
	hang   hang
}

// Questions at once, for each login that is judged at once while it computes. The server judges sixteen for each while
// they wait: sources that hang must not take the place of others.
const (
	mostAsked      = 4
	mostAskedOfPAM = 8 // which is slow to refuse
)

func newQuestions(most int) *questions {
	return &questions{places: make(chan struct{}, most*mostLogins())}
}

// mostLogins is how many logins are judged at once while they compute: one processor is for those who have logged in.
// GOMAXPROCS says nothing here, for a quiet server has lowered it.
func mostLogins() int { return max(runtime.NumCPU()-1, 1) }

// begin takes a place for a question, until end is called. While the source hangs the login of ctx makes room for
// others at once, which it does otherwise when the answer takes long.
func (q *questions) begin(ctx context.Context) (end func(), err error) {
	select {
	case q.places <- struct{}{}:
		ended := q.hang.begin(ctx)
		return func() { ended(); <-q.places }, nil
	default:
		return nil, errManyAsked
	}
}

// slowAnswer is how long a source may take to answer before it is taken to hang.
const slowAnswer = 500 * time.Millisecond

// hang tells whether a source hangs: some question is not answered for long, or the last one was so.
type hang struct {
	mu   sync.Mutex
	late int  // questions under way that take long
	last bool // the last one that was answered did
}

// begin begins a question, until end is called.
func (h *hang) begin(ctx context.Context) (end func()) {
	late, over := false, false // guarded by mu
	timer := time.AfterFunc(slowAnswer, func() {
		h.mu.Lock()
		if late = !over; late {
			h.late++
		}
		h.mu.Unlock()
		driver.LoginWaits(ctx)
	})
	h.mu.Lock()
	hangs := h.late > 0 || h.last
	h.mu.Unlock()
	if hangs {
		driver.LoginWaits(ctx)
	}
	return func() {
		stopped := timer.Stop()
		h.mu.Lock()
		defer h.mu.Unlock()
		if over = true; late {
			h.late--
		}
		h.last = !stopped
	}
}
