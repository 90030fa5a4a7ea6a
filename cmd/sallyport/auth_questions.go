package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// errManyAsked means that a question is not asked, since too many wait for an answer of the source.
var errManyAsked = errors.New("too many wait for its answer already")

// questions bounds the questions that wait for an answer of a source outside of the server.
type questions struct {
	places chan struct{}
	hang   hang
}

// How many questions a source may have waiting, for each of the mostLogins logins that are judged at once. The server
// lets sixteen logins wait for each of the latter, so sources that hang leave room for other sources.
const (
	mostAsked      = 4
	mostAskedOfPAM = 8 // more, since PAM is slow to refuse
)

func newQuestions(most int) *questions {
	return &questions{places: make(chan struct{}, most*mostLogins())}
}

// mostLogins returns how many logins may compute at once: all processors but one, which is left to those who have
// logged in. It doesn't ask GOMAXPROCS, which a quiet server has lowered.
func mostLogins() int { return max(runtime.NumCPU()-1, 1) }

// begin takes a place for a question until end is called. While the source hangs, begin has the login of ctx give its
// place to other logins at once; otherwise the login does so only when the answer takes long.
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

// hang tells whether a source hangs: a question has waited for longer than slowAnswer, or the last one answered had.
type hang struct {
	mu   sync.Mutex
	late int  // questions that have waited for longer than slowAnswer and still do
	last bool // the last question answered had waited for longer than slowAnswer
}

// begin notes that a question waits until end is called.
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
