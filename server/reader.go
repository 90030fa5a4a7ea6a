package server

import (
	"errors"
	"io"
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

// reader reads commands in a goroutine of its own, one when it is asked and no
// more, so that nothing is ever read past a TLS upgrade.
type reader struct {
	src    *wire.LineReader
	ask    chan struct{}
	lines  chan input
	wanted bool // a line was asked for and not yet taken; the owner's
	done   chan struct{}
}

// input is a command, or why there is none.
type input struct {
	cmd wire.Command
	err error
}

// ends reports that no command follows. Those before it are still done: the
// reader has seen to what must be cancelled.
func (in input) ends() bool {
	return in.err != nil && !isSyntax(in.err) && !errors.Is(in.err, wire.ErrLineTooLong)
}

func (r *reader) start(s *session) {
	r.src = wire.NewLineReader(s.ctl, maxLine)
	r.ask = make(chan struct{}, 1)
	r.lines = make(chan input)
	r.done = make(chan struct{})
	go r.run(s)
}

// wait returns when the goroutine has ended; the connection must be closed.
func (r *reader) wait() {
	if r.done != nil {
		<-r.done
	}
}

// want asks for a line, once. Only the session's owner calls it.
func (r *reader) want() {
	if !r.wanted {
		r.wanted = true
		r.ask <- struct{}{}
	}
}

// upgrade continues on another connection. What was read ahead in clear is
// dropped: it may be an attacker's (CVE-2011-1575). The owner calls it while
// no line is wanted, so the goroutine is not reading.
func (r *reader) upgrade(conn io.Reader) {
	r.src.Discard()
	r.src.Reset(conn)
}

func (r *reader) run(s *session) {
	defer close(r.done)
	for {
		select {
		case <-r.ask:
		case <-s.ctx.Done():
			return
		}
		line, err := r.src.ReadLine()
		var in input
		if err == nil {
			in.cmd, in.err = wire.ParseCommand(line)
		} else {
			in.err = err
		}
		end := err != nil && !errors.Is(err, wire.ErrLineTooLong)
		if end {
			s.controlEnded(err)
		}
		select {
		case r.lines <- in:
		case <-s.ctx.Done():
			return
		}
		if end {
			return
		}
	}
}

// controlEnded is called by the reader when there will be no more commands. A
// connection that broke takes everything with it; after an orderly end a
// transfer may finish, so that an upload which is complete is kept.
func (s *session) controlEnded(err error) {
	s.gone.Store(true)
	if !isEOF(err) {
		s.cancel(err)
		return
	}
	time.AfterFunc(lingerAfterEOF, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.moving == nil || s.moving.local {
			s.cancel(err)
		}
	})
}

// isSyntax reports whether a command was refused for its form, after which
// the session goes on.
func isSyntax(err error) bool {
	var syntax *wire.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, wire.ErrEmpty)
}
