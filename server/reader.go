package server

import (
	"errors"
	"os"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// lingerAfterEOF is how long a command may go on after the client closed its
// sending side. Commands of a client that pipes them in and hangs up are still
// done; the context of a driver that blocks for longer ends. A client that has sent
// QUIT behind the command of a transfer has as long to open the data connection.
const lingerAfterEOF = 2 * time.Second

// input is a command that was read, or the error that came in its place.
type input struct {
	cmd wire.Command
	err error
}

// ends reports that no command follows. Commands before the end are still done;
// controlEnded has cancelled what has to be cancelled.
func (in input) ends() bool {
	return in.err != nil && !isSyntax(in.err) && !errors.Is(in.err, wire.ErrLineTooLong)
}

// interrupted reports that no command had come yet when a deadline passed, or when
// control.interrupt ended the read.
func (in input) interrupted() bool { return errors.Is(in.err, os.ErrDeadlineExceeded) }

// read reads one command, in the goroutine that holds the inbox. Nobody reads while
// AUTH or CCC runs, so nothing is read ahead of a change of the connection.
func (s *session) read() input {
	in := s.ctl.read()
	if in.ends() && !in.interrupted() {
		in.err = explainControl(in.err)
		s.controlEnded(in.err)
	}
	return in
}

// controlEnded deals with the end of the control connection. If the connection
// broke, the session ends at once. After an orderly end a transfer may finish, so
// that an upload which is complete is kept. A login that still waits for its turn
// ends: otherwise clients that hang up early would hold hundreds of sessions.
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

// linger ends the session some time after its control connection. A transfer that
// goes on keeps the session, and hurry watches the transfer.
func (s *session) linger(err error) {
	if t := s.current(); t != nil && !t.local && s.ctx.Err() == nil {
		time.AfterFunc(lingerAfterEOF, func() { s.linger(err) })
		return
	}
	s.stop(err)
}

// abandon gives up the data port, and ends a transfer in active mode, if the data
// connection has not come when the control connection ends: the port is worth more
// to other clients. A data connection that has come may still be served.
func (s *session) abandon() {
	if l := s.port.Load(); l != nil {
		l.CloseUnused()
	}
	if t := s.current(); t != nil && t.active && !t.opened.Load() {
		t.cancel(errAbandoned)
	}
}

var errAbandoned = errors.New("server: the control connection ended before the data connection was there")

// isSyntax reports whether a command was refused for its form. The session goes on
// after that.
func isSyntax(err error) bool {
	var syntax *wire.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, wire.ErrEmpty)
}
