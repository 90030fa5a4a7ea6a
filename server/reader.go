package server

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// maxLine bounds a command line: a path of 4,096 bytes would be the longest
// that any system opens.
const maxLine = 4096

// lingerAfterEOF is how long a command may go on after the client closed its
// sending side. A client that pipes commands in and hangs up still gets them
// done; a driver that blocks for longer is told by its context.
const lingerAfterEOF = 2 * time.Second

// input is a command, or why there is none.
type input struct {
	cmd wire.Command
	err error
}

// ends reports that no command follows. Those before it are still done:
// controlEnded has seen to what must be cancelled.
func (in input) ends() bool {
	return in.err != nil && !isSyntax(in.err) && !errors.Is(in.err, wire.ErrLineTooLong)
}

// read reads one command, in the goroutine of whoever may read at the time: the
// session's owner, or the attendant while the owner is busy. Nothing is read
// ahead of a TLS upgrade, because nobody reads then. After a deadline it goes on
// where it stopped.
func (s *session) read() (in input) {
	line, err := s.lines.ReadLine()
	switch {
	case err == nil:
		in.cmd, in.err = wire.ParseCommand(line)
	default:
		in.err = err
	}
	if in.ends() && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.controlEnded(err)
	}
	return in
}

// controlEnded is called when there will be no more commands. A connection that
// broke takes everything with it; after an orderly end a transfer may finish, so
// that an upload which is complete is kept. A login that still waits for its turn
// ends: those who hang up early would otherwise hold hundreds of sessions.
func (s *session) controlEnded(err error) {
	known := s.gone.Swap(true)
	s.mu.Lock()
	inLine := s.inLine
	s.mu.Unlock()
	if !isEOF(err) || inLine {
		s.cancel(err)
		return
	}
	if known {
		return
	}
	s.abandon()
	time.AfterFunc(lingerAfterEOF, func() { s.linger(err) })
}

// linger ends the session some time after its control connection, but for a
// transfer that goes on, see hurry.
func (s *session) linger(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil:
	case s.moving == nil || s.moving.local:
		s.cancel(err)
	default:
		time.AfterFunc(lingerAfterEOF, func() { s.linger(err) })
	}
}

// abandon ends a transfer whose data connection has not come when the control
// connection ends: its port is worth more to others.
func (s *session) abandon() {
	s.mu.Lock()
	t := s.moving
	s.mu.Unlock()
	if t != nil && !t.local && !t.opened.Load() {
		t.cancel(errAbandoned)
	}
}

var errAbandoned = errors.New("server: the control connection ended before the data connection was there")

// isSyntax reports whether a command was refused for its form, after which
// the session goes on.
func isSyntax(err error) bool {
	var syntax *wire.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, wire.ErrEmpty)
}

// attendAfter is how long a command may take before somebody else listens to
// the client. Most are done by then, and cost no second goroutine.
const attendAfter = 10 * time.Millisecond

// attendant listens to the client while the session's owner is busy with a
// command. What belongs to the owner is the attendant's meanwhile, as far as
// commands need it: the queue, and writing replies.
type attendant struct {
	mu    sync.Mutex
	timer *time.Timer
	task  func()        // to begin with when the time has come, nil for none
	done  chan struct{} // closed when what began has ended; nil when nothing began
}

// attend has task run in a goroutine of its own after a delay, until relieve.
// Only the session's owner calls it, and relieve before it calls it again.
func (s *session) attend(delay time.Duration, task func()) {
	if s.left.Load() {
		return
	}
	a := &s.attendant
	a.mu.Lock()
	a.task = task
	a.mu.Unlock()
	switch {
	case delay <= 0:
		go a.begin()
	case a.timer == nil:
		a.timer = time.AfterFunc(delay, a.begin)
	default:
		a.timer.Reset(delay)
	}
}

func (a *attendant) begin() {
	a.mu.Lock()
	task, done := a.task, make(chan struct{})
	if a.task = nil; task != nil {
		a.done = done
	}
	a.mu.Unlock()
	if task != nil {
		defer close(done)
		task()
	}
}

// relieve ends the attendance. When it returns, everything is the owner's again.
func (s *session) relieve() {
	if s.left.Load() {
		return // somebody else has ended the session
	}
	a := &s.attendant
	a.mu.Lock()
	done := a.done
	a.task, a.done = nil, nil
	a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
	if done == nil {
		return
	}
	s.raw.SetReadDeadline(longAgo) // ends a read that waits
	<-done
	s.raw.SetReadDeadline(time.Time{})
}

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// watch reads what follows, so that it is known when the client is gone, which a
// driver that blocks learns from its context.
func (s *session) watch() {
	for s.mayRead() {
		in := s.read()
		if errors.Is(in.err, os.ErrDeadlineExceeded) {
			return
		}
		s.queue = append(s.queue, in)
	}
	s.awaitEnd()
}

// mayRead reports whether another command may be read while one is being done.
func (s *session) mayRead() bool { return len(s.queue) < maxQueued && !s.held() }

// awaitEnd waits until the client ends the control connection, when no more may be
// read before that, or until relieve. It reports whether the client has.
func (s *session) awaitEnd() bool {
	if s.gone.Load() || !awaitHangUp(s.raw) {
		return false
	}
	s.controlEnded(io.EOF)
	return true
}
