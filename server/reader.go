package server

import (
	"errors"
	"os"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// lingerAfterEOF is how long a command may go on after the client closed its
// sending side. A client that pipes commands in and hangs up still gets them
// done; a driver that blocks for longer is told by its context. One that has sent
// QUIT behind the command of a transfer has as long to open the data connection.
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

// interrupted reports that there was only no command yet: a deadline was over, or
// control.interrupt ended the read.
func (in input) interrupted() bool { return errors.Is(in.err, os.ErrDeadlineExceeded) }

// read reads one command, in the goroutine of whoever holds the inbox. Nothing is
// read ahead of a TLS upgrade, because nobody reads then.
func (s *session) read() input {
	in := s.ctl.read()
	if in.ends() && !in.interrupted() {
		in.err = explainControl(in.err)
		s.controlEnded(in.err)
	}
	return in
}

// controlEnded is called when there will be no more commands. A connection that
// broke takes everything with it; after an orderly end a transfer may finish, so
// that an upload which is complete is kept. A login that still waits for its turn
// ends: those who hang up early would otherwise hold hundreds of sessions.
func (s *session) controlEnded(err error) {
	err = explainControl(err)
	known := s.ctl.gone.Swap(true)
	if !isEOF(err) || s.isInLine() {
		s.stop(err)
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
	if t := s.current(); t != nil && !t.local && s.ctx.Err() == nil {
		time.AfterFunc(lingerAfterEOF, func() { s.linger(err) })
		return
	}
	s.stop(err)
}

// abandon ends a transfer whose data connection has not come when the control
// connection ends, and gives up the port of one that has not begun: it is worth more to
// others. What came before the end may still be served.
func (s *session) abandon() {
	if l := s.port.Load(); l != nil {
		l.CloseUnused()
	}
	if t := s.current(); t != nil && t.active && !t.opened.Load() {
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
