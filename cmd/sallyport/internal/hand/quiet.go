package hand

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// quietAfter is how long a hand waits without a question before it gives memory back to the system.
const quietAfter = 3 * time.Second

// quiet gives memory back to the system when the hand was asked nothing for a while. There may be a thousand hands,
// most of which wait for the next command of a client, so a hand that waits has no timer.
type quiet struct {
	disturbed atomic.Bool // a question has come since watch ran last
	watched   atomic.Bool // watch is going to run
}

// disturb notes that a question has come.
func (q *quiet) disturb() {
	q.disturbed.Store(true)
	if !q.watched.Swap(true) {
		time.AfterFunc(quietAfter, q.watch)
	}
}

func (q *quiet) watch() {
	if q.disturbed.Swap(false) {
		time.AfterFunc(quietAfter, q.watch)
		return
	}
	debug.FreeOSMemory()
	q.watched.Store(false)
	if q.disturbed.Load() { // a question has come meanwhile, when watched was still set
		q.disturb()
	}
}
