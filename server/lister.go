package server

import (
	"context"
	"sync/atomic"
	"time"
)

// lister makes the lines of a listing and sends them, in a goroutine of its own
// that begins before the data connection is there. Lines go out as they are
// made: a directory of a million names takes no more memory than one of ten.
type lister struct {
	t     *transfer
	l     *listing
	buf   *[]byte        // of chunks, while there are lines to be sent
	out   []byte         // these, in buf
	limit int            // of out
	late  atomic.Bool    // the lines have waited long enough for others
	timer *time.Timer    // says so
	conn  *dataConn      // nil until the first flush
	given chan *dataConn // where it comes from
	began chan struct{}  // closed with the first entry, or after the last
	done  chan struct{}  // closed at the end
	err   error          // once done is closed
}

// firstEntry is how long 150 waits for the first entry of a listing at most. A
// client may give up waiting for 150, and the data port is kept for a while only.
const firstEntry = 2 * time.Second

// listChunk is how much of a listing is gathered before it is sent, but for a
// line that goes beyond it.
const listChunk = 64 << 10

// newLister begins to list. end must be called.
func newLister(t *transfer, l *listing) *lister {
	w := &lister{t: t, l: l, given: make(chan *dataConn, 1), began: make(chan struct{}), done: make(chan struct{})}
	w.timer = time.AfterFunc(lullTime, func() { w.late.Store(true) })
	go func() {
		defer close(w.done)
		defer w.timer.Stop()
		w.err = rescued(w.run)
	}()
	return w
}

// first waits for the first entry. It returns an error if there is one instead.
func (w *lister) first() error {
	patience := time.NewTimer(firstEntry)
	defer patience.Stop()
	select {
	case <-w.began:
	case <-patience.C:
	case <-w.t.ctx.Done():
	case <-w.done:
		return w.err
	}
	return nil
}

// send sends the listing, as the job of the transfer.
func (w *lister) send(conn *dataConn) (err error) {
	defer w.t.inDriver(&err)()
	w.given <- conn
	<-w.done
	return w.err
}

// end stops the listing unless it is over.
func (w *lister) end() {
	w.t.cancel(nil)
	<-w.done
}

func (w *lister) run() error {
	defer w.release()
	n := 0
	for info, err := range w.l.entries(w.t.ctx, w.l) {
		if err != nil && n > 0 {
			_ = w.apart(w.flush) // what there is, and then the reply tells
		}
		if err != nil {
			return err
		}
		if n++; n == 1 {
			close(w.began)
		}
		if w.buf == nil {
			if err := w.awaitRoom(); err != nil {
				return err
			}
			w.take()
		}
		if w.out = w.l.line(w.t.ctx, w.out, info); len(w.out) >= w.limit || w.late.Load() {
			if err := w.apart(w.flush); err != nil {
				return err
			}
		}
	}
	w.t.ours.Store(true)
	if n == 0 {
		close(w.began)
	}
	if err := w.flush(); err != nil {
		return err
	}
	return finish(w.conn)
}

// apart does what waits for the client: hurry does not take that for a driver at rest.
func (w *lister) apart(wait func() error) error {
	w.t.ours.Store(true)
	defer w.t.ours.Store(false)
	return w.l.apart(wait)
}

// awaitRoom waits until there is room for lines on the data connection, or that is not
// there yet, and for the turn to make them.
func (w *lister) awaitRoom() error {
	w.limit = listChunk
	if w.conn == nil {
		return nil
	}
	return w.apart(func() error {
		piece, err := w.t.meter.wait(w.t.ctx, listChunk)
		if err != nil {
			return err
		}
		room, err := w.conn.room()
		if err != nil {
			return cutOff(err)
		}
		w.limit = min(w.limit, room, int(piece))
		return nil
	})
}

// take gets memory for lines. A listing that waits for room or its turn has none.
func (w *lister) take() {
	w.buf = chunks.take()
	w.late.Store(false)
	w.timer.Reset(lullTime)
	w.out, w.limit = (*w.buf)[:0], min(w.limit, len(*w.buf)*4/5) // with room for a line that goes beyond
}

// release gives the memory back.
func (w *lister) release() {
	if w.buf != nil {
		chunks.give(w.buf)
		w.buf, w.out = nil, nil
	}
}

// flush sends the lines made so far, on the data connection as soon as that is
// there.
func (w *lister) flush() error {
	if w.conn == nil {
		select {
		case w.conn = <-w.given:
		case <-w.t.ctx.Done():
			return context.Cause(w.t.ctx)
		}
	}
	if len(w.out) == 0 {
		return nil
	}
	err := w.sendOut()
	w.release()
	switch {
	case err != nil:
		return err
	case w.late.Load():
		err = w.conn.flush()
	case w.conn.tls != nil:
		err = w.conn.tls.Flush() // gathering more would only take memory
	}
	if err != nil {
		return cutOff(err)
	}
	return nil
}

// sendOut sends the lines at the rate of the account, piece by piece.
func (w *lister) sendOut() error {
	for {
		piece, err := w.t.meter.wait(w.t.ctx, int64(len(w.out)))
		if err != nil {
			return err
		}
		n, err := w.conn.send(w.out[:piece])
		w.t.bytes.Add(int64(n))
		limited := w.t.meter.moved(int64(n))
		w.out = w.out[n:]
		if err == nil && limited && len(w.out) > 0 {
			err = w.conn.flush() // else the client would wait for it with the next
		}
		if err != nil {
			return cutOff(err)
		}
		if len(w.out) == 0 {
			return nil
		}
	}
}
