//go:build linux

package channel

import (
	"context"
	"errors"
	"os"
	"time"
)

// Message is a message of the other end that was received but not handled.
type Message struct {
	Bytes []byte
	File  *os.File // the file in the message, nil for none
}

// pausePoll is how often Pause checks whether all questions are answered.
const pausePoll = 2 * time.Millisecond

// Pause keeps this end from handling new questions, which are held until Resume. It returns when all questions of both
// ends are answered, or with the error of ctx if that ends before. Resume has to be called in both cases, and Ask must
// not be called in between.
func (p *Peer) Pause(ctx context.Context) error {
	p.mu.Lock()
	p.paused = true
	p.mu.Unlock()
	for {
		p.mu.Lock()
		quiet := len(p.asked) == 0 && len(p.calls) == 0
		p.mu.Unlock()
		if quiet {
			p.busy.Wait() // until the last answers are sent
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pausePoll):
		}
	}
}

// Detached is what another program needs to take over this end of a socket.
type Detached struct {
	File *os.File // a duplicate of the socket
	Last uint64   // the number of the last call
	Held []Message
}

// Detach keeps this end from reading from the socket, and returns what another program needs to take it over. It has to
// follow Pause, and Resume undoes it.
func (p *Peer) Detach() (*Detached, error) {
	ended := make(chan struct{})
	p.mu.Lock()
	if p.calls == nil {
		p.mu.Unlock()
		return nil, ErrGone
	}
	p.detached = ended
	p.mu.Unlock()
	if err := p.s.interrupt(); err != nil {
		return nil, err
	}
	select {
	case <-ended:
	case <-p.ctx.Done():
		return nil, ErrGone
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f, err := p.s.duplicate()
	return &Detached{f, p.last, p.held}, err
}

// Resume handles the messages that were held, and undoes Pause and Detach.
func (p *Peer) Resume() {
	p.mu.Lock()
	held, detached := p.held, p.detached
	p.held, p.detached, p.paused = nil, nil, false
	p.mu.Unlock()
	for _, m := range held {
		if p.handle(m.Bytes, m.File) != nil {
			p.s.Close()
		}
	}
	if detached != nil {
		p.s.goOn()
		go p.receive()
	}
}

// Attach takes over an end of a socket from another program, with the files in d, and goes on where it was detached.
func Attach(d *Detached, files Files, answer Answer) (*Peer, error) {
	s, err := Open(d.File, files)
	if err != nil {
		return nil, err
	}
	s.Patience = sending
	p := newPeer(s, answer)
	p.last, p.held, p.detached = d.Last, d.Held, make(chan struct{})
	p.Resume()
	return p, nil
}

// hold keeps a message until Resume if this end is paused, and reports whether it does.
func (p *Peer) hold(b []byte, f *os.File) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused {
		return false
	}
	p.held = append(p.held, Message{append([]byte(nil), b...), f})
	return true
}

// leaves reports whether err ended a read since this end is being detached. If so, Detach is told.
func (p *Peer) leaves(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	close(p.detached)
	return true
}
