package server

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// lullTime is how long data of a slow file may wait for more. TLS and compression
// gather data before they send: from a file that comes at a few kilobytes per
// second a client would see nothing for minutes, and take the server for dead.
const lullTime = 30 * time.Millisecond

// lull sends what has been gathered for a download when its file takes long to
// give more.
type lull struct {
	conn *dataConn
	from io.Reader

	mu    sync.Mutex // held by the transfer except while the transfer reads the file
	timer *time.Timer
	dirty bool        // something may be gathered
	late  atomic.Bool // what is gathered is to be sent before the next Read
	over  bool
}

// newLull makes a lull for a connection that gathers. end must be called.
func newLull(conn *dataConn, from io.Reader) *lull {
	l := &lull{conn: conn, from: from}
	l.timer = time.AfterFunc(forever, l.flush)
	l.timer.Stop() // until something is written
	l.mu.Lock()
	return l
}

// Read reads the file. Meanwhile flush may send what was gathered before.
func (l *lull) Read(p []byte) (int, error) {
	l.mu.Unlock()
	defer l.mu.Lock()
	// Look only after Unlock: flush then has either got the lock itself, or has set
	// late before.
	if l.late.Load() {
		if err := l.catchUp(); err != nil {
			return 0, cutOff(err)
		}
	}
	return l.from.Read(p)
}

// catchUp sends what flush could not.
func (l *lull) catchUp() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leave()
}

// wrote notes that something was written, which may be gathered now.
func (l *lull) wrote() {
	if !l.dirty {
		l.dirty = true
		l.timer.Reset(lullTime)
	}
}

// flush sends what is gathered, in a goroutine of its own. While the transfer
// holds the lock, as when writing to a client that is slow, sending is left to
// the transfer.
func (l *lull) flush() {
	l.late.Store(true)
	if !l.mu.TryLock() {
		return
	}
	defer l.mu.Unlock()
	if !l.over {
		_ = l.leave() // the next write tells
	}
}

// send sends what is gathered, for the transfer itself.
func (l *lull) send() error {
	if err := l.leave(); err != nil {
		return cutOff(err)
	}
	return nil
}

// leave sends what is gathered. The caller holds mu.
func (l *lull) leave() error {
	l.late.Store(false)
	if !l.dirty {
		return nil
	}
	l.dirty = false
	l.conn.unattended = attendEvery // look at what the client sent before the next record
	return l.conn.flush()
}

func (l *lull) end() {
	l.over = true
	l.timer.Stop()
	l.mu.Unlock()
}
