package server

import (
	"context"
	"io/fs"
	"time"
)

// lister makes the lines of a listing and sends them, in a goroutine of its own
// that begins before the data connection is there. Lines go out as they are
// made: a directory of a million names takes no more memory than one of ten. Lines
// that wait while the driver looks for the next entry are sent by the session's goroutine.
type lister struct {
	t     *transfer
	l     *listing
	given chan *dataConn // by which send hands conn over
	timer *time.Timer    // fires when the lines have waited long enough for others
	began chan struct{}  // closed with the first entry, or after the last
	done  chan struct{}  // closed at the end
	err   error          // once done is closed

	line []byte // the last line
	n    int    // entries

	// turn is a mutex for what follows: lock puts something into it, unlock takes that
	// out. The holder does not call the driver.
	turn   chan struct{}
	buf    *[]byte   // of chunks, while there are lines to be sent
	out    []byte    // the lines to be sent, in buf
	limit  int       // of out
	conn   *dataConn // nil until the first flush
	failed error     // why the session's goroutine could not send lines
}

// firstEntry is how long 150 waits for the first entry of a listing at most. A
// client may give up waiting for 150, and the data port is kept for a while only.
const firstEntry = 2 * time.Second

// listChunk is how many bytes of lines are gathered before they are sent; the last line
// may go beyond.
const listChunk = 64 << 10

// newLister begins to list. end must be called.
func newLister(t *transfer, l *listing) *lister {
	w := &lister{t: t, l: l, given: make(chan *dataConn, 1), turn: make(chan struct{}, 1), began: make(chan struct{}), done: make(chan struct{})}
	w.timer = time.NewTimer(forever)
	w.timer.Stop() // until there is a line
	go func() {
		defer close(w.done)
		defer w.timer.Stop()
		w.err = rescued(w.run)
	}()
	return w
}

// first waits for the first entry, and returns an error if listing fails before that.
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
	for {
		select {
		case <-w.done:
			return w.err
		case <-w.timer.C:
			w.sendLate()
		}
	}
}

// sendLate sends the lines that have waited long enough. If sending fails, the goroutine
// that lists learns of the failure with the next entry and ends.
func (w *lister) sendLate() {
	w.turn <- struct{}{}
	defer w.unlock()
	if len(w.out) == 0 || w.failed != nil {
		return
	}
	w.t.ours.Store(true)
	defer w.t.ours.Store(false)
	w.failed = w.flush(true)
}

// end stops the listing unless it is over.
func (w *lister) end() {
	w.t.cancel(nil)
	<-w.done
}

func (w *lister) run() error {
	defer func() {
		w.lock()
		defer w.unlock()
		w.release()
	}()
	for info, err := range w.l.entries(w.t.ctx, w.l) {
		if err := w.add(info, err); err != nil {
			return err
		}
	}
	return w.finish()
}

// finish sends the last lines and ends the data connection.
func (w *lister) finish() error {
	w.lock()
	defer w.unlock()
	if w.failed != nil {
		return w.failed
	}
	w.t.ours.Store(true)
	if w.n == 0 {
		close(w.began)
	}
	if err := w.flush(false); err != nil {
		return err
	}
	return finish(w.conn)
}

// add adds a line for the next entry, and sends lines when there are enough. After an
// error of the driver it sends the lines there are; the reply tells of the error.
func (w *lister) add(info fs.FileInfo, err error) error {
	if err == nil {
		if w.n++; w.n == 1 {
			close(w.began)
		}
		w.line = w.l.line(w.t.ctx, w.line[:0], info)
		err = w.l.closed
	}
	w.lock()
	defer w.unlock()
	switch {
	case w.failed != nil:
		return w.failed
	case err != nil:
		if w.n > 0 {
			_ = w.apart(func() error { return w.flush(false) })
		}
		return err
	}
	if w.buf == nil {
		if err := w.awaitRoom(); err != nil {
			return err
		}
		w.take()
	}
	if w.out = append(w.out, w.line...); len(w.out) < w.limit {
		return nil
	}
	return w.apart(func() error { return w.flush(false) })
}

// lock waits for turn. The session's goroutine may hold turn until the client has taken
// lines, so such a wait is one for the client (apart).
func (w *lister) lock() {
	select {
	case w.turn <- struct{}{}:
	default:
		_ = w.apart(func() error { w.turn <- struct{}{}; return nil })
	}
}

func (w *lister) unlock() { <-w.turn }

// apart runs wait, which waits for the client, so that hurry does not take the wait for a
// driver at rest.
func (w *lister) apart(wait func() error) error {
	w.t.ours.Store(true)
	defer w.t.ours.Store(false)
	return w.l.apart(wait)
}

// awaitRoom waits until lines can be made: until the rate of the account allows some and,
// if the data connection is there, until it has room.
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

// take gets memory for lines. A listing that waits for room or for its rate holds none.
func (w *lister) take() {
	w.buf = chunks.take()
	w.timer.Reset(lullTime)
	w.out, w.limit = (*w.buf)[:0], min(w.limit, len(*w.buf)*4/5) // leaves room for a line that goes beyond limit
}

// release gives the memory back.
func (w *lister) release() {
	if w.buf != nil {
		chunks.give(w.buf)
		w.buf, w.out = nil, nil
	}
}

// flush sends the lines made so far, as soon as the data connection is there. If they are
// late, compression keeps none of them back. The caller holds turn.
func (w *lister) flush(late bool) error {
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
	w.timer.Stop()
	err := w.sendOut()
	w.release()
	switch {
	case err != nil:
		return err
	case late:
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
			err = w.conn.flush() // otherwise the client would get the piece only with the next
		}
		if err != nil {
			return cutOff(err)
		}
		if len(w.out) == 0 {
			return nil
		}
	}
}
