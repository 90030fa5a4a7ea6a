//go:build linux

package hand

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// quietAfter is how long nothing is asked before a hand gives memory back to the system.
const quietAfter = 3 * time.Second

// quiet gives memory back when nothing has been asked for a while. There may be a thousand hands, most of which wait
// for the next command of somebody, and one that waits has no timers.
type quiet struct {
	disturbed atomic.Bool // since watch has looked
	watched   atomic.Bool // whether watch will look again
}

// disturb notes that something is asked.
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
	if q.disturbed.Load() { // meanwhile, by something that saw itself watched
		q.disturb()
	}
}
