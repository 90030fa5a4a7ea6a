package server

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// handle runs one command and writes its reply.
func (s *session) handle(cmd wire.Command) error {
	start := time.Now()
	s.setDoing(cmd, true)
	s.foundPath = ""
	c := s.describe(cmd)
	reply := s.dispatch(cmd, c)
	if s.inbox.left.Load() {
		return nil // another goroutine has ended the session
	}
	err := s.write(reply)
	s.setDoing(wire.Command{}, false)
	if s.foundPath != "" {
		c.Path = wire.Display(s.foundPath)
	}
	s.hookCommand(cmd, c, reply.Code, time.Since(start))
	if then := s.afterReply; then != nil && err == nil {
		s.afterReply = nil
		err = then()
	}
	return err
}

// dispatch runs a command by way of Intercept.Command. Meanwhile the attendant reads
// what the client sends next, unless the row of the command says alone. A panic in
// the embedder's code ends this session and nothing else.
func (s *session) dispatch(cmd wire.Command, c Command) (reply wire.Reply) {
	defer func() {
		if v := recover(); v != nil {
			reply = s.panicked(v, debug.Stack())
		}
	}()
	row := commands[cmd.Verb]
	if (row == nil || !row.alone) && !s.inbox.held() {
		s.watch()
		defer s.inbox.relieve()
	}
	reply = s.intercepted(c, func() wire.Reply { return s.freePort(row, s.perform(cmd)) })
	return s.freePort(row, reply)
}

// freePort gives up the data port of a transfer that was refused, by the server or by
// Intercept.Command: the port is worth more to others.
func (s *session) freePort(row *command, reply wire.Reply) wire.Reply {
	if row != nil && row.data && refuses(reply) {
		s.dropData()
	}
	return reply
}

// perform runs a command if its row admits the command.
func (s *session) perform(cmd wire.Command) wire.Reply {
	row, arg, reply, ok := s.admitCommand(cmd)
	if !ok {
		return reply
	}
	if row.after == "" {
		s.source = ""
	}
	s.sourceOf = row
	reply, err := row.run(s, s.ctx, arg)
	switch {
	case s.inbox.left.Load():
		return wire.Text(421, "The session has ended.") // nobody sends this reply
	case err == errUsage:
		reply = wire.Text(501, "Usage: "+row.help)
	case err != nil:
		reply = s.errorReply(err)
	}
	return reply
}

// errUsage is returned by a handler whose argument has not the form that HELP tells.
var errUsage = errors.New("server: not the syntax of the command")

// refuses reports whether a reply refuses a transfer. A reply that says that a command was
// not understood refuses none.
func refuses(r wire.Reply) bool { return r.Code >= 400 && (r.Code < 500 || r.Code > 503) }

// rescue, deferred, keeps a panic in a function of the embedder's that runs outside
// of a command from ending the process, and ends the session instead. Such functions
// are hooks and those of tls.Config.
func (s *session) rescue(err *error) {
	if v := recover(); v != nil {
		s.panicked(v, debug.Stack())
		*err = errPanic
	}
}

// panicked logs a panic with the stack of the place where it happened, ends the
// session, and returns the reply.
func (s *session) panicked(v any, stack []byte) wire.Reply {
	s.logPanic(v, stack)
	s.ending, s.afterReply = ending{true, errPanic}, nil
	return wire.Text(421, "Internal error; closing the control connection.")
}
