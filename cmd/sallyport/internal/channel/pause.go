//go:build linux

package channel

import (
	"context"
	"errors"
	"os"
	"time"
)

// Message is one that came from the other end and was not looked at.
type Message struct {
	Bytes []byte
	File  *os.File // that came with it, nil for none
}

// pausePoll is how often Pause looks whether all is answered.
const pausePoll = 2 * time.Millisecond

// Pause has this end begin nothing: questions of the other end wait. It returns when all questions of both ends are
// answered, or with the error of ctx if they are not by then. Resume goes on, in both cases. Nobody may Ask meanwhile.
func (p *Peer) Pause(ctx context.Context) error {
	p.mu.Lock()
	p.paused = true
	p.mu.Unlock()
	for {
		p.mu.Lock()
		quiet := len(p.asked) == 0 && len(p.calls) == 0
		p.mu.Unlock()
		if quiet {
			p.busy.Wait() // for the sending of the last answers
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pausePoll):
		}
	}
}

// Detached is what another program needs to go on at this end of a socket.
type Detached struct {
	File *os.File // the socket once more
	Last uint64   // number of a call
	Held []Message
}

// Detach has this end, after Pause, read nothing from the socket any more. Resume goes on all the same.
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

// Resume goes on after Pause and Detach.
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

// Attach goes on where another program was detached. It takes over the files.
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

// hold keeps a message for later if this end is paused.
func (p *Peer) hold(b []byte, f *os.File) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused {
		return false
	}
	p.held = append(p.held, Message{append([]byte(nil), b...), f})
	return true
}

// leaves reports whether an error of reading is that this end was detached, and says so.
func (p *Peer) leaves(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	close(p.detached)
	return true
}
