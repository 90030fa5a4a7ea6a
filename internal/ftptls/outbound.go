package ftptls

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// smallPending is what may wait without a pooled buffer: a ticket and a
// close_notify, as after an upload.
const smallPending = 2 << 10

// outbound is the writing half of the transport under crypto/tls. It takes whole records
// and decides when they leave.
type outbound struct {
	conn net.Conn
	// gather is set once the handshake of a data connection is over, and on
	// any connection that is being closed. Unset, records leave at once.
	gather atomic.Bool
	// app is set while the records come from Conn.Write, and dirty while
	// such records are pending: losing those is an error, losing a ticket or
	// a close_notify is not.
	app, dirty atomic.Bool
	closed     atomic.Bool

	mu      sync.Mutex // guards what follows; held while writing to conn
	hold    int        // records of a ticket yet to be held back
	pending []byte
	buf     *[bufferSize]byte // pending's memory when it came from the pool
	room    int               // how many bytes of pending leave at once; 0 while that is unknown
	err     error             // sticky: after a partial write nothing can follow
}

// holdBack announces that the next n records which end a write are a ticket.
// They wait until something else is sent or gather is flushed.
//
// Why: in TLS 1.3 the server sends its ticket in the first flight. The kernel
// of a client that uploads, never reads and closes answers the unread ticket
// with RST in place of FIN. What is under way is then lost, and what did arrive
// ends in an error or, depending on the system, is thrown away.
func (o *outbound) holdBack(n int) {
	o.mu.Lock()
	o.hold = n
	o.mu.Unlock()
}

// write takes records from crypto/tls.
func (o *outbound) write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.unlock()
	if o.err != nil {
		return 0, o.err
	}
	size := len(p)
	if o.hold > 0 {
		head, tail, n := splitLast(p, o.hold)
		if len(o.pending) == 0 || len(head) == 0 {
			o.hold -= n
			o.add(tail)
			if len(head) == 0 {
				return size, nil
			}
			if err := o.send(head); err != nil {
				return 0, err
			}
			return size, nil
		}
	}
	if !o.gather.Load() && len(o.pending) == 0 {
		if err := o.send(p); err != nil {
			return 0, err
		}
		return size, nil
	}
	if !o.fits(p) {
		return o.through(p)
	}
	o.add(p)
	if o.app.Load() {
		o.dirty.Store(true)
	}
	if !o.gather.Load() || len(o.pending) >= gatherSize {
		if err := o.flushLocked(); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// fits gets the memory for more to be pending, a pooled buffer as soon as it is
// worth one. It reports false if all of those are in use.
func (o *outbound) fits(p []byte) bool {
	if o.buf != nil || len(o.pending)+len(p) <= smallPending {
		return true
	}
	if o.buf = takeBuffer(); o.buf == nil {
		return false
	}
	o.pending = append(o.buf[:0], o.pending...)
	return true
}

// through sends what is pending, and p behind it, without gathering.
func (o *outbound) through(p []byte) (int, error) {
	err := o.flushLocked()
	if err == nil {
		err = o.send(p)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (o *outbound) add(p []byte) { o.pending = append(o.pending, p...) }

// flush sends what is pending.
func (o *outbound) flush() error {
	o.mu.Lock()
	defer o.unlock()
	return o.flushLocked()
}

func (o *outbound) flushLocked() error {
	if o.err != nil || len(o.pending) == 0 {
		return o.err
	}
	o.room = 0
	err := o.send(o.pending)
	if err == nil {
		o.dirty.Store(false)
	}
	o.drop()
	return err
}

func (o *outbound) send(p []byte) error {
	n, err := o.conn.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	o.err = err
	return err
}

// drop forgets what is pending and gives its memory back.
func (o *outbound) drop() {
	o.pending = nil
	if o.buf != nil {
		returnBuffer(o.buf)
		o.buf = nil
	}
}

// unlock releases mu, and cleans up if close was called in the meantime: close never
// waits for a writer.
func (o *outbound) unlock() {
	o.mu.Unlock()
	if o.closed.Load() {
		o.clean()
	}
}

// finish flushes before the connection is closed, unless a write is going on:
// then Close is meant to break it.
func (o *outbound) finish() error {
	if !o.mu.TryLock() {
		return nil
	}
	defer o.mu.Unlock()
	if !o.gather.Load() {
		return nil
	}
	written := o.dirty.Load()
	if err := o.flushLocked(); written {
		return err
	}
	return nil
}

// close drops what was gathered. It is called after the connection below was closed.
func (o *outbound) close() {
	o.closed.Store(true)
	o.clean()
}

// clean drops what was gathered and makes later writes fail with net.ErrClosed, unless a
// writer is at work: that writer calls clean when it is done. Before that, closed must be
// set.
func (o *outbound) clean() {
	if o.mu.TryLock() {
		if o.err == nil {
			o.err = net.ErrClosed
		}
		o.drop()
		o.mu.Unlock()
	}
}
