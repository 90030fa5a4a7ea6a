package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
)

// session is the conversation with one client: who has logged in, what was agreed on,
// and the command that is carried out. The goroutine that runs serve owns all of it
// except ctl, inbox, waiter and visible, whose types have rules of their own.
type session struct {
	srv         *Server
	id          string
	peer, local netip.AddrPort // the client's address, and the address that the client dialled
	localIP     netip.Addr     // address of this host; that of local unless the client dialled a proxy
	implicit    bool
	started     time.Time

	ctx    context.Context // ends with the session
	cancel context.CancelCauseFunc

	ctl     control
	inbox   inbox
	waiter  waiter
	visible // what other goroutines see
	pacing

	account
	params
	loginSince time.Time         // LoginTimeout counts from here: started, or the last logout
	fails      int               // refused logins
	certTurn   *turn             // of a refused certificate, which a password may follow; nil without
	logout     func(cause error) // ends the context of the login; nil before the first
	foundPath  string            // the path that the command under way is about, where its argument left that open

	port       atomic.Pointer[passive.Lease] // the data port, until its transfer ends; any goroutine may close it
	proof      proof
	mustResume atomic.Bool  // the policy of the account that logged in last demands resumption
	afterReply func() error // called when the reply being written is out
	ending     ending
	refused    *dataConn     // data connection of the upload refused last, see discard
	discarded  chan struct{} // closed when the connection refused has ended; nil without

	over chan struct{} // closed when the session is gone; nil until somebody waits, guarded by srv.mu
}

// ending says whether and why the session ends after the reply being written.
type ending struct {
	set   bool
	cause error // nil for QUIT
}

// endWith ends the session after the reply to the command under way. The first cause
// counts.
func (s *session) endWith(cause error) {
	if !s.ending.set {
		s.ending = ending{true, cause}
	}
}

// isEnding reports whether the session ends after the reply to the command under way.
func (s *session) isEnding() bool { return s.ending.set }

var sessionNumber atomic.Uint64

func newSession(srv *Server, conn net.Conn, implicit bool) *session {
	s := &session{
		srv:      srv,
		id:       srv.SessionPrefix + strconv.FormatUint(sessionNumber.Add(1), 36),
		peer:     addrPort(conn.RemoteAddr()),
		local:    dialled(conn),
		localIP:  addrPort(conn.LocalAddr()).Addr(),
		implicit: implicit,
		started:  time.Now(),
		ctl:      newControl(conn, srv),
	}
	s.inbox.ctl = &s.ctl
	s.waiter.session, s.waiter.ctl, s.waiter.poller = s, &s.ctl, &srv.idle
	s.loginSince = s.started
	s.ctx, s.cancel = context.WithCancelCause(s.context(context.Background()))
	s.reset()
	return s
}

// context returns a context that holds the session, for SessionFrom, and is otherwise
// ctx.
func (s *session) context(ctx context.Context) context.Context { return sessionContext{ctx, s} }

// run greets the client and carries out commands until the session ends or is parked,
// see live.
func (s *session) run() {
	s.work(func() (idle bool, err error) {
		if err := s.begin(); err != nil {
			return false, err
		}
		return s.serve()
	})
}

// goOn carries out further commands of a session that was parked.
func (s *session) goOn() { s.work(s.serve) }

// work has the session's goroutine do work, which returns as serve does. The session ends even
// if foreign code has ended the goroutine (runtime.Goexit), as the assertions of a test do.
func (s *session) work(work func() (idle bool, err error)) {
	returned := false
	defer func() {
		if !returned {
			s.end(errExited)
		}
	}()
	idle, err := work()
	returned = true
	s.live(idle, err)
}

// errExited is why a session has ended whose goroutine was ended by a driver, a hook or a
// callback.
var errExited = errors.New("server: a driver, hook or callback has ended the goroutine of the session")

// live ends a session whose serve has returned, or parks it if it is idle: waiting
// for a command needs no goroutine. If it can't be parked, the session goes on in a
// new goroutine, because the stack of the old one has grown with handshakes and
// transfers to several times what waiting takes.
func (s *session) live(idle bool, err error) {
	switch {
	case idle:
		s.inbox.timer = nil
		s.ctl.shrink()
		if !s.waiter.park() {
			go s.goOn()
		}
	case !s.inbox.left.Load():
		s.end(err)
	}
}

// end releases what the session held.
func (s *session) end(err error) {
	defer s.srv.remove(s)
	s.awaitDiscard()
	err = firstCause(s.ctx, err)
	if p, ok := errors.AsType[*nopanic.Panic](err); ok { // of the connection
		s.logPanic(p.Value, p.Stack)
	}
	s.cancel(err)
	s.dropData()
	s.ctl.close()
	s.hookEnd(err)
}

// begin calls the hook Connect, does the handshake of implicit FTPS, and greets the
// client.
func (s *session) begin() (err error) {
	defer s.rescue(&err)
	s.hookConnect()
	if err := context.Cause(s.ctx); err != nil { // the hook, for one, has called Disconnect
		if !s.implicit {
			s.sayDisconnected(err)
		}
		return err
	}
	keepAlive(s.ctl.raw)
	if s.implicit {
		if err := s.secure(); err != nil {
			return err
		}
	}
	s.ctl.startReading(pacedControl{s})
	return s.write(s.intercepted(Command{}, s.greeting))
}

// serve carries out commands until the session ends, and returns why: nil means QUIT.
// It returns idle when no command has come for parkAfter; live then parks the
// session.
func (s *session) serve() (idle bool, err error) {
	defer s.rescue(&err)
	for !s.isEnding() {
		in, idle := s.next()
		if idle {
			return true, nil
		}
		if !in.ends() {
			s.pace()
		}
		err := s.answer(in)
		s.paceDone()
		if err != nil || s.inbox.left.Load() {
			return false, err
		}
	}
	return false, s.ending.cause
}

// answer carries out a command, or says what is wrong with its form.
func (s *session) answer(in input) error {
	switch {
	case errors.Is(in.err, wire.ErrLineTooLong):
		return s.write(wire.Text(500, "Line too long."))
	case isSyntax(in.err):
		return s.write(wire.Text(500, "Syntax error, command unrecognized."))
	case in.err != nil:
		return in.err
	}
	return s.handle(in.cmd)
}

// Reasons for the end of a session.
var (
	errLogout       = errors.New("server: logged out")
	errIdle         = errors.New("server: idle timeout")
	errLoginTime    = errors.New("server: login timeout")
	errLoginFails   = errors.New("server: too many refused logins")
	errForeignVerbs = errors.New("server: the client speaks another protocol")
	errPanic        = errors.New("server: panic in a driver or hook")
)

// write sends a reply.
func (s *session) write(r wire.Reply) error {
	err := s.ctl.write(r)
	if err == nil {
		s.hookReply(r)
	}
	return explainControl(err)
}

// stop ends the session's context and gives up the data port at once, because a
// driver may not return for a while. Any goroutine may call it.
func (s *session) stop(cause error) {
	s.cancel(cause)
	s.giveUpPort()
}

// cut ends the session whatever it is doing. Any goroutine may call it.
func (s *session) cut(cause error) {
	s.stop(cause)
	s.waiter.wake()
	s.ctl.cut()
}
