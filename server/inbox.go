package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// inbox queues the commands that come while a session is busy with another. A second
// goroutine, the attendant, reads them. From attend to relieve only the attendant uses
// the queue and the control connection; at any other time only the session's goroutine
// does.
type inbox struct {
	ctl   *control
	queue []input     // what came during a command and waits for its end
	left  atomic.Bool // the session has ended without its goroutine, which may use nothing of it any more, see leave.go

	mu    sync.Mutex // guards what follows, and decides whether the attendant begins or relieve is first
	timer *time.Timer
	task  func()        // what the attendant will do; nil when there is no attendant to come
	done  chan struct{} // closed when the task that began has ended; nil when none began
}

// attendAfter is how long a command may take before the attendant listens to the
// client. Most commands are done by then, and cost no second goroutine.
const attendAfter = 10 * time.Millisecond

// maxQueued bounds the commands that a client may send ahead during a transfer.
const maxQueued = 32

// attend has task run in a goroutine of its own, the attendant, after a delay, unless
// relieve is called before. relieve ends the attendant. Only the session's goroutine
// calls attend, and calls relieve before it calls attend again.
func (b *inbox) attend(delay time.Duration, task func()) {
	if b.left.Load() {
		return
	}
	b.mu.Lock()
	b.task = task
	b.mu.Unlock()
	switch {
	case delay <= 0:
		go b.begin()
	case b.timer == nil:
		b.timer = time.AfterFunc(delay, b.begin)
	default:
		b.timer.Reset(delay)
	}
}

// hasten has the task begin now, if it waits for its delay.
func (b *inbox) hasten() {
	b.mu.Lock()
	waits := b.task != nil
	b.mu.Unlock()
	if waits {
		go b.begin()
	}
}

func (b *inbox) begin() {
	b.mu.Lock()
	task, done := b.task, make(chan struct{})
	if b.task = nil; task != nil {
		b.done = done
	}
	b.mu.Unlock()
	if task != nil {
		defer close(done)
		task()
	}
}

// relieve ends the attendant. After relieve the queue and the control connection are
// the session's goroutine's again.
func (b *inbox) relieve() {
	if !b.left.Load() { // otherwise leave has ended the session
		b.dismiss()
	}
}

func (b *inbox) dismiss() {
	b.mu.Lock()
	done := b.done
	b.task, b.done = nil, nil
	b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
	}
	if done == nil {
		return
	}
	b.ctl.interrupt()
	<-done
	b.ctl.readUntil(time.Time{})
}

// leave takes the inbox from the session's goroutine for good. Another goroutine calls
// it.
func (b *inbox) leave() {
	b.left.Store(true)
	b.dismiss()
}

// put adds a command behind the others.
func (b *inbox) put(in input) { b.queue = append(b.queue, in) }

// putFirst adds a command before the others.
func (b *inbox) putFirst(in input) { b.queue = append([]input{in}, b.queue...) }

// take returns the first command, if there is one.
func (b *inbox) take() (in input, ok bool) {
	if len(b.queue) == 0 {
		return input{}, false
	}
	in, b.queue = b.queue[0], b.queue[1:]
	return in, true
}

// waiting returns the commands that wait, which stay where they are.
func (b *inbox) waiting() []input { return b.queue }

// takeAll returns all commands, in order.
func (b *inbox) takeAll() []input {
	all := b.queue
	b.queue = nil
	return all
}

// mayRead reports whether another command may be read while one is being done.
func (b *inbox) mayRead() bool { return len(b.queue) < maxQueued && !b.held() }

// held reports whether nothing may be read behind the last input in the queue, because
// that is a command that changes the connection, such as AUTH, or the end of the
// connection. What the client sent behind AUTH in clear must stay where the upgrade
// discards it (CVE-2011-1575).
func (b *inbox) held() bool {
	if len(b.queue) == 0 {
		return false
	}
	last := b.queue[len(b.queue)-1]
	row := commands[last.cmd.Verb]
	return last.ends() || row != nil && row.alone
}
