//go:build linux

package channel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Operations of Peer itself. Operations of its users begin at FirstOp.
const (
	opAnswer byte = iota
	opCancel      // nobody needs the answer any more
	FirstOp
)

// maxCalls bounds the calls of the other end that are answered at once. Further calls are refused.
const maxCalls = 4096

// sending bounds how long the other end may take to read a message.
const sending = 10 * time.Second

// Call is a question of the other end. Ctx ends with the socket, or when the other end no longer needs the answer.
type Call struct {
	Ctx context.Context
	Op  byte
	*Reader
	File *os.File // comes with the question, nil for none; closed after the answer unless Answer sets it to nil
}

// Answer answers a question. It writes the answer to w; the file that it returns is sent with the answer and closed. If
// it returns an error, only the error is sent. It is called in a goroutine of its own.
type Answer func(c *Call, w *Writer) (*os.File, error)

// Peer is one end of a socket at which both ends may ask questions. Each question is answered once. Peer is safe for
// concurrent use.
type Peer struct {
	s      *Socket
	answer Answer
	ctx    context.Context // ends with the socket
	end    context.CancelFunc
	busy   sync.WaitGroup // counts the answers under way
	heard  atomic.Bool    // the other end has sent something

	mu    sync.Mutex
	last  uint64 // the number of the last call
	calls map[uint64]*waiting
	asked map[uint64]context.CancelFunc // ends the contexts of the other end's calls, by number

	paused   bool
	held     []Message     // messages that came while paused
	detached chan struct{} // is closed when reading has stopped; nil unless Detach was called
}

// waiting is a call that was not answered yet.
type waiting struct {
	take func(r *Reader, f *os.File) error
	done chan error
}

// NewPeer takes over one end of Pair. If answer is nil, all questions of the other end are refused.
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

// Done returns a channel that is closed when the socket has ended.
func (p *Peer) Done() <-chan struct{} { return p.ctx.Done() }

// Close ends the socket and waits until no Answer runs any more.
func (p *Peer) Close() error {
	err := p.s.Close()
	<-p.ctx.Done()
	p.busy.Wait()
	return err
}

// Heard reports whether the other end has sent anything yet.
func (p *Peer) Heard() bool { return p.heard.Load() }

// receive handles messages until the socket ends.
func (p *Peer) receive() {
	buf := make([]byte, MaxMessage)
	for {
		b, f, err := p.s.Receive(buf)
		if err == nil {
			p.heard.Store(true)
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

// handle handles a message. An error ends the socket.
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

// answered passes an answer to the Ask that waits for it.
func (p *Peer) answered(id uint64, r *Reader, f *os.File) error {
	p.mu.Lock()
	w := p.calls[id]
	delete(p.calls, id)
	p.mu.Unlock()
	if w == nil {
		closeFile(f)
		return nil // Ask has given up
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

// begin starts a goroutine that answers a call, or refuses the call.
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

// do has a call answered and sends the answer.
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

// rescued calls Answer, and turns a panic into the error of the call.
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

// send sends a message. If that fails, it ends the socket, since nobody knows how much the other end has read.
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

// Ask asks the other end a question, and waits for the answer for at most patience. When ctx ends, Ask tells the other
// end that nobody needs the answer, but goes on waiting, so that no answer is lost. build writes the question, and f is
// sent with it unless nil. take reads the answer and takes over the file in it, nil for none. No later message is
// handled before take returns, so take must not wait.
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

// forget gives up a call, and reports whether it was still without an answer.
func (p *Peer) forget(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, open := p.calls[id]
	delete(p.calls, id)
	return open
}
