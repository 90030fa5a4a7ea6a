//go:build linux

package channel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Operations of Peer itself. Those of its user begin at FirstOp.
const (
	opAnswer byte = iota
	opCancel      // nobody needs the answer any more
	FirstOp
)

// maxCalls is how many calls of the other end are under way at once before more are refused.
const maxCalls = 4096

// sending is how long the other end may take to read a message.
const sending = 10 * time.Second

var (
	// ErrGone is the error of every call after the other end has closed the socket.
	ErrGone = errors.New("channel: the other process has ended")
	// ErrStuck is the error of a call that was not answered in time.
	ErrStuck = errors.New("channel: the other process does not answer")
	// ErrTooMany is the answer to a call while too many others are under way.
	ErrTooMany = errors.New("channel: too many calls at once")
)

// Call is what the other end asks. Ctx ends when the other end needs no answer any more, and with the socket.
type Call struct {
	Ctx context.Context
	Op  byte
	*Reader
	File *os.File // that came with the question, nil for none; closed after the answer unless it was taken out
}

// Answer does what is asked and writes what is answered into w. The file that it returns is sent and closed. When it
// returns an error, that alone is sent. It is called in a goroutine of its own.
type Answer func(c *Call, w *Writer) (*os.File, error)

// Peer is one end of a socket at which both ends may ask, and answer each question once. It is safe for concurrent use.
type Peer struct {
	s      *Socket
	answer Answer
	ctx    context.Context // ends with the socket
	end    context.CancelFunc
	busy   sync.WaitGroup // answers under way

	mu    sync.Mutex
	last  uint64 // number of a call
	calls map[uint64]*waiting
	asked map[uint64]context.CancelFunc // of calls of the other end

	paused   bool
	held     []Message     // that came meanwhile
	detached chan struct{} // closed when nothing is read any more; nil unless that is wanted
}

// waiting is a call without an answer yet.
type waiting struct {
	take func(r *Reader, f *os.File) error
	done chan error
}

// NewPeer takes over one end of Pair. A nil Answer refuses whatever is asked.
func NewPeer(f *os.File, files Files, answer Answer) (*Peer, error) {
	s, err := Open(f, files)
	if err != nil {
		return nil, err
	}
	s.Patience = sending
	p := newPeer(s, answer)
	go p.receive()
	return p, nil
}

func newPeer(s *Socket, answer Answer) *Peer {
	p := &Peer{s: s, answer: answer, calls: map[uint64]*waiting{}, asked: map[uint64]context.CancelFunc{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p
}

// Done is closed when the socket has ended.
func (p *Peer) Done() <-chan struct{} { return p.ctx.Done() }

// Close ends the socket and waits for answers under way.
func (p *Peer) Close() error {
	err := p.s.Close()
	<-p.ctx.Done()
	p.busy.Wait()
	return err
}

// receive deals with messages until the socket ends.
func (p *Peer) receive() {
	buf := make([]byte, MaxMessage)
	for {
		b, f, err := p.s.Receive(buf)
		if err == nil {
			err = p.handle(b, f)
		}
		if p.leaves(err) {
			return
		}
		if err != nil {
			break
		}
	}
	p.s.Close()
	p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, w := range p.calls {
		delete(p.calls, id)
		w.done <- ErrGone
	}
	p.calls = nil
}

// handle deals with a message. Its error ends the socket.
func (p *Peer) handle(b []byte, f *os.File) error {
	op, id, r := Parse(b)
	switch {
	case r.Mistake() != nil || op == opCancel && (f != nil || r.End() != nil):
		closeFile(f)
		return ErrMessage
	case op != opAnswer && p.hold(b, f):
		return nil
	case op == opCancel:
		p.mu.Lock()
		defer p.mu.Unlock()
		if cancel := p.asked[id]; cancel != nil {
			cancel()
		}
		return nil
	case op == opAnswer:
		return p.answered(id, r, f)
	}
	r.Keep()
	return p.begin(&Call{Op: op, Reader: r, File: f}, id)
}

// answered gives an answer to whoever waits for it.
func (p *Peer) answered(id uint64, r *Reader, f *os.File) error {
	p.mu.Lock()
	w := p.calls[id]
	delete(p.calls, id)
	p.mu.Unlock()
	if w == nil {
		closeFile(f)
		return nil // it was not answered in time
	}
	err := r.Failure()
	if err == nil && r.Mistake() == nil && w.take != nil {
		err = w.take(r, f)
		f = nil
	}
	closeFile(f)
	wrong := r.End()
	w.done <- errors.Join(err, wrong)
	return wrong
}

// begin has a call answered.
func (p *Peer) begin(c *Call, id uint64) error {
	ctx, cancel := context.WithCancel(p.ctx)
	c.Ctx = ctx
	p.mu.Lock()
	_, known := p.asked[id]
	full := len(p.asked) >= maxCalls
	if !known && !full {
		p.asked[id] = cancel
	}
	p.mu.Unlock()
	switch {
	case known:
		cancel()
		closeFile(c.File)
		return ErrMessage
	case full:
		cancel()
		closeFile(c.File)
		return p.send(opAnswer, id, func(w *Writer) { w.Failure(ErrTooMany) }, nil)
	}
	p.busy.Go(func() {
		p.do(c, id)
		cancel()
		p.mu.Lock()
		delete(p.asked, id)
		p.mu.Unlock()
	})
	return nil
}

// do answers a call.
func (p *Peer) do(c *Call, id uint64) {
	var w Writer
	w.Begin(opAnswer, id)
	w.Failure(nil)
	f, err := p.rescued(c, &w)
	closeFile(c.File)
	if err == nil && len(w) > MaxMessage {
		err = fmt.Errorf("channel: an answer of %d bytes", len(w))
	}
	if err != nil {
		w.Begin(opAnswer, id)
		w.Failure(err)
	}
	if p.s.Send(w, f) != nil {
		p.s.Close()
	}
	closeFile(f)
}

// rescued calls Answer. A panic is the error of one call.
func (p *Peer) rescued(c *Call, w *Writer) (f *os.File, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("channel: panic: %v", v)
		}
	}()
	if p.answer == nil {
		return nil, errors.ErrUnsupported
	}
	f, err = p.answer(c, w)
	if err == nil {
		err = c.End()
	}
	if err != nil {
		closeFile(f)
		f = nil
	}
	return f, err
}

func closeFile(f *os.File) {
	if f != nil {
		f.Close()
	}
}

// send sends a message. After a failure nobody knows what the other end has read, and the socket is ended.
func (p *Peer) send(op byte, id uint64, build func(w *Writer), f *os.File) error {
	var w Writer
	w.Begin(op, id)
	if build != nil {
		build(&w)
	}
	if len(w) > MaxMessage {
		return fmt.Errorf("channel: a message of %d bytes", len(w)) // nothing was sent
	}
	if err := p.s.Send(w, f); err != nil {
		p.s.Close()
		return errors.Join(ErrGone, err)
	}
	return nil
}

// Ask asks the other end, and waits for the answer for no longer than patience. When ctx ends the other end is told
// that nobody needs the answer, and Ask goes on waiting: an answer is never lost. build writes the question, with which
// f is sent unless that is nil. take reads the answer and takes over the file that came with it, nil for none; it is
// called before any later message is looked at, and therefore must not wait.
func (p *Peer) Ask(ctx context.Context, patience time.Duration, op byte, build func(w *Writer), f *os.File, take func(r *Reader, f *os.File) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &waiting{take: take, done: make(chan error, 1)}
	p.mu.Lock()
	if p.calls == nil {
		p.mu.Unlock()
		return ErrGone
	}
	p.last++
	id := p.last
	p.calls[id] = w
	p.mu.Unlock()
	if err := p.send(op, id, build, f); err != nil {
		p.forget(id)
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for ended := ctx.Done(); ; {
		select {
		case err := <-w.done:
			return err
		case <-ended:
			ended = nil
			p.send(opCancel, id, nil, nil)
		case <-timer.C:
			if !p.forget(id) {
				return <-w.done
			}
			p.send(opCancel, id, nil, nil)
			return ErrStuck
		}
	}
}

// forget gives a call up, and reports whether its answer has not come.
func (p *Peer) forget(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, open := p.calls[id]
	delete(p.calls, id)
	return open
}
