package server

import (
	"io"
	"runtime/debug"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// attendTo hears commands until the transfer is over. When no more commands may be read it
// still waits for the end of the control connection.
func (s *session) attendTo(t *transfer) {
	returned := false
	defer func() {
		if v := recover(); v != nil { // a hook may panic
			s.panicked(v, debug.Stack())
			t.cancel(errPanic)
		} else if !returned {
			s.endWith(errExited)
			t.cancel(errExited)
		}
	}()
	var gone bool
	if s.isEnding() {
		gone = s.awaitEnd()
	} else {
		gone = s.listen(func(in input) bool {
			s.hear(in, t)
			return !s.isEnding()
		})
	}
	if gone {
		t.tell()
	}
	returned = true
}

// hasten starts the timer of a transfer whose client is gone or has sent QUIT. The timer
// calls hurry, which ends the transfer if it takes too long (see stuck).
func (t *transfer) hasten() {
	if t.ctx.Err() == nil {
		t.moved.Store(t.bytes.Load() + 1)
		t.patience.Reset(movePatience)
	}
}

// tell ends the wait of awaitNews. Call it only when the client is gone or has sent QUIT
// since 150, because awaitNews decides about the upload by no other news.
func (t *transfer) tell() {
	t.hasten()
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// quits notes QUIT, which waits for the end of the transfer (RFC 959, section 4.1.1). A
// client that sends QUIT after the 150 of its upload does not wait for the reply, which
// speaks against an end of the data that nothing proves. It makes no difference whether the
// server hears QUIT before or after the data and its end, because QUIT comes on another
// connection and may overtake both. Only a QUIT from before 150 is surely older than the
// data.
func (t *transfer) quits() {
	if !t.begun {
		t.quitAhead = true
		t.hasten()
		return
	}
	t.quit.Store(true)
	t.tell()
}

// hear deals with one command during a transfer, as the column during of its row says.
// NOOP and STAT without a path are answered at once if the transfer has a data
// connection and no command waits in the inbox.
func (s *session) hear(in input, t *transfer) {
	row := commands[in.cmd.Verb]
	switch {
	case in.ends():
		s.inbox.put(in)
		t.tell()
	case in.err != nil || row == nil || s.isOff(row.name):
		s.inbox.put(in)
	case row.during == hastens:
		s.inbox.put(in)
		t.quits()
		if l := s.port.Load(); l != nil && !t.local {
			time.AfterFunc(lingerAfterEOF, l.CloseUnused)
		}
	case row.during == aborts:
		t.cancel(errAborted)
		s.inbox.putFirst(in)
	case row.during == waits, in.cmd.Arg != "", len(s.inbox.waiting()) > 0, t.local:
		// STAT <path> is a listing. Work without a data connection sends no 150, so a
		// client would take the first reply after the command for the reply to it.
		s.inbox.put(in)
	default:
		start := time.Now()
		c := s.describe(in.cmd)
		reply := s.intercepted(c, func() wire.Reply {
			reply, err := row.run(s, s.ctx, "")
			if err != nil {
				reply = s.errorReply(err)
			}
			return reply
		})
		if err := s.write(reply); err != nil {
			s.stop(err)
		}
		if s.isEnding() { // Intercept has ended the session
			t.cancel(s.ending.cause)
		}
		s.hookCommand(in.cmd, c, reply.Code, time.Since(start))
	}
}

// abortBy ends a transfer if the command is ABOR, and gives up the port of one that has not
// begun. The command is answered in its turn (RFC 959, section 4.1.3).
func (s *session) abortBy(in input, t *transfer) {
	if s.isAbort(in, s.policy.off) {
		t.cancel(errAborted)
		s.giveUpPort()
	}
}

// giveUpPort closes the data port if the transfer has no connection yet. ABOR also aborts a
// transfer that was asked for before it, so nobody needs the port after ABOR.
func (s *session) giveUpPort() {
	if l := s.port.Load(); l != nil {
		l.Close()
	}
}

// isAbort reports whether a command is ABOR, unless ABOR is switched off, by the server or by
// the policy of the account.
func (s *session) isAbort(in input, policy disabled) bool {
	row := commands[in.cmd.Verb]
	return in.err == nil && row != nil && row.during == aborts && !s.srv.isOff(row.name, policy)
}

// listen reads commands until relieve, until hear returns false, or until no more may be
// read before the command under way is done. In the last two cases listen then waits for
// the end of the control connection or for relieve, and reports whether the client has
// ended the connection.
func (s *session) listen(hear func(input) (more bool)) (gone bool) {
	for more := true; more && s.inbox.mayRead(); {
		in := s.read()
		if in.interrupted() {
			return false
		}
		more = hear(in)
	}
	return s.awaitEnd()
}

// watch has the attendant read and queue what the client sends next, so that the context of
// a driver that blocks ends when the client is gone.
func (s *session) watch() {
	off := s.policy.off // as of now: the command that is watched may be a login, which brings another policy
	s.inbox.attend(attendAfter, func() {
		s.listen(func(in input) bool {
			s.inbox.put(in)
			if s.isAbort(in, off) {
				s.giveUpPort()
			}
			return true
		})
	})
}

// awaitEnd waits, without reading commands, until the client ends the control connection or
// until relieve. It reports whether the client has ended the connection.
func (s *session) awaitEnd() bool {
	if s.ctl.gone.Load() || !awaitHangUp(s.ctl.raw) {
		return false
	}
	s.controlEnded(io.EOF)
	return true
}
