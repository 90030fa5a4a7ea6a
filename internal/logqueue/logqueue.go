// Package logqueue keeps whoever reads a log from stopping the program that
// writes it: a pipe that nobody empties, a disk that is full, a reader that died.
package logqueue

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// DefaultLimit is how many bytes wait for the reader at most.
const DefaultLimit = 1 << 20

// Queue writes lines to another writer in a goroutine of its own. Writing to a
// Queue never blocks and never fails: what does not fit, or can't be written, is
// dropped and counted, and as soon as lines are taken again one of them tells how
// many are missing, in the place where they are. Lines keep their order. It may be
// used concurrently.
type Queue struct {
	to     io.Writer
	limit  int
	notice func(dropped uint64) string

	mu      sync.Mutex
	filled  sync.Cond // something waits, or the queue is closed
	emptied sync.Cond // gone has changed, or the patience of Written is over
	lines   []line
	size    int    // of lines
	queued  uint64 // lines that were ever put into lines
	gone    uint64 // lines of queued that were written, or could not be written
	dropped uint64 // after the last of lines, and not told of yet
	closed  bool
	ended   chan struct{}
}

// line is a line that waits.
type line struct {
	text    []byte
	missing uint64 // lines that were dropped before it
}

// New makes a Queue that holds limit bytes, 0 for DefaultLimit. notice words the
// line about dropped ones, line end included. Close ends it.
func New(to io.Writer, limit int, notice func(dropped uint64) string) *Queue {
	if limit <= 0 {
		limit = DefaultLimit
	}
	q := &Queue{to: to, limit: limit, notice: notice, ended: make(chan struct{})}
	q.filled.L, q.emptied.L = &q.mu, &q.mu
	go q.run()
	return q
}

// Write queues one line, or several that belong together. It always reports
// success: a logger could do nothing about a failure.
func (q *Queue) Write(text []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.size+len(text) > q.limit {
		q.dropped++
		return len(text), nil
	}
	q.lines = append(q.lines, line{bytes.Clone(text), q.dropped})
	q.dropped = 0
	q.size += len(text)
	q.queued++
	q.filled.Signal()
	return len(text), nil
}

// Close waits until everything is written, for no longer than grace: after that
// the goroutine is left to the writer that holds it. Later lines are dropped.
func (q *Queue) Close(grace time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.filled.Signal()
	q.mu.Unlock()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-q.ended:
	case <-timer.C:
	}
}

func (q *Queue) run() {
	defer close(q.ended)
	for lines := q.take(); len(lines) > 0; lines = q.take() {
		var failed uint64
		for _, line := range lines {
			if line.missing > 0 {
				failed = q.tell(failed + line.missing)
			}
			if _, err := q.to.Write(line.text); err != nil {
				failed++
			}
			q.written(len(line.text))
		}
		q.tellLast(failed)
	}
}

// take waits for lines and takes them all. After Close there may be none.
func (q *Queue) take() (lines []line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) == 0 && !q.closed {
		q.filled.Wait()
	}
	lines, q.lines = q.lines, nil
	return lines
}

// written takes a line of n bytes off the queue's size. A line counts until it is
// written, so that the limit holds for lines that were taken as well.
func (q *Queue) written(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= n
	q.gone++
	q.emptied.Broadcast()
}

// Written waits until the writer has been given every line that was queued before the call, for no longer than
// patience, and reports whether that is so. A line that the writer has refused counts as given.
func (q *Queue) Written(patience time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := q.queued
	if q.gone >= last || patience <= 0 {
		return q.gone >= last
	}
	late := false
	timer := time.AfterFunc(patience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		late = true
		q.emptied.Broadcast()
	})
	defer timer.Stop()
	for q.gone < last && !late {
		q.emptied.Wait()
	}
	return q.gone >= last
}

// tell writes a line that says how many lines are missing. It returns how many are
// still to be told of: all of them if that line can't be written either.
func (q *Queue) tell(missing uint64) (left uint64) {
	if _, err := io.WriteString(q.to, q.notice(missing)); err != nil {
		return missing
	}
	return 0
}

// tellLast tells of the lines missing behind the last line that was taken: the lines
// that failed, and the lines dropped since, unless other lines wait that came before
// these.
func (q *Queue) tellLast(failed uint64) {
	q.mu.Lock()
	missing := failed
	if len(q.lines) == 0 {
		missing += q.dropped
		q.dropped = 0
	}
	q.mu.Unlock()
	if missing == 0 {
		return
	}
	if missing = q.tell(missing); missing > 0 {
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.lines) > 0 {
			q.lines[0].missing += missing
		} else {
			q.dropped += missing
		}
	}
}
