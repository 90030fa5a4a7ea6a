package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/ftptls"
	"github.com/sallyport/sallyport/internal/wire"
)

// session is one control connection. Its fields belong to the goroutine that
// runs run, except those under mu and the atomics.
type session struct {
	srv         *Server
	id          string
	peer, local netip.AddrPort // the client's address, and what it dialled
	localIP     netip.Addr     // of this host; local's unless a proxy was dialled
	implicit    bool
	started     time.Time
	loginSince  time.Time // LoginTimeout counts from here: started, or the last logout

	ctx    context.Context // ends with the session
	cancel context.CancelCauseFunc

	raw        net.Conn        // the TCP connection
	below      *controlConn    // of raw
	ctl        net.Conn        // what commands and replies go through: below or tls
	tls        *ftptls.Conn    // nil without TLS, and still there after CCC
	bind       *ftptls.Session // what data connections are bound to; nil without TLS
	proof      proof
	lines      *wire.LineReader // of ctl
	out        []byte           // the reply being written
	attendant  attendant
	waitEnds   time.Time     // when the wait for a command ends; zero while none
	rested     bool          // the wait goes on in the lounge or in a new goroutine
	seat       uint64        // in the lounge
	queue      []input       // what came during a command and waits for its end
	gone       atomic.Bool   // the control connection has ended
	left       atomic.Bool   // it ended without its owner, see leave
	cleared    bool          // CCC took TLS off the control connection
	afterReply func() error  // what follows the reply being written
	ending     error         // why the session ends after this reply
	refused    *dataConn     // of the upload refused last, see discard
	discarded  chan struct{} // closed when that has ended; nil without

	account
	params
	asking, reading rate              // see pace
	spent           spent             // see fair
	place           *place            // held by a busy session, see pace; nil without
	fails           int               // refused logins
	half            *turn             // a refused certificate that a password may follow; nil without
	logout          func(cause error) // ends the context of the login; nil before the first
	host            string            // HOST, or SNI

	mu             sync.Mutex // guards what info reads
	user           string
	value          any // of the login, see driver.Account
	loggedIn       bool
	secured        bool
	resting        bool // waits for a command
	inLine         bool // waits for its turn to log in
	doing          wire.Command
	busy           bool
	commands       uint64 // begun so far
	moving         *transfer
	received, sent int64

	over chan struct{} // closed when the session is gone; nil until somebody waits, guarded by srv.mu
}

// account is what belongs to a user: it goes when another USER comes.
type account struct {
	claimed  string // the argument of USER before PASS
	files    driver.FS
	owner    string // whose session it is, see ownerName
	counted  bool   // by enterAccount
	cwd      string
	source   string     // what RNFR or SITE CPFR named, for the command that must follow at once
	sourceOf *command   // the last command that ran
	restart  int64      // REST, RANG
	until    int64      // RANG: the end, 0 for that of the file
	alloc    int64      // ALLO
	data     dataSource // what PASV, EPSV, PORT or EPRT left behind; nil without
}

// params are the transfer parameters, which REIN returns to their defaults (RFC
// 959, section 4.1.1).
type params struct {
	ascii   bool // TYPE A; the default is TYPE I, see cmdType
	private bool // PROT P
	pbsz    bool // PBSZ was sent, so PROT is allowed (RFC 2228, section 3)
	epsvAll bool // EPSV ALL (RFC 2428, section 4)
	facts   wire.Facts
	deflate bool // MODE Z
	level   int  // OPTS MODE Z LEVEL, 0 for the default
	sum     int  // OPTS HASH: index of sums
}

var sessionNumber atomic.Uint64

func newSession(srv *Server, conn net.Conn, implicit bool) *session {
	s := &session{
		srv:      srv,
		id:       strconv.FormatUint(sessionNumber.Add(1), 36),
		peer:     addrPort(conn.RemoteAddr()),
		local:    dialled(conn),
		localIP:  addrPort(conn.LocalAddr()).Addr(),
		implicit: implicit,
		started:  time.Now(),
		raw:      conn,
		below:    &controlConn{Conn: conn, srv: srv},
	}
	s.loginSince, s.ctl = s.started, s.below
	s.ctx, s.cancel = context.WithCancelCause(s.context(context.Background()))
	s.reset()
	return s
}

// context returns ctx with the session in it, for SessionFrom.
func (s *session) context(ctx context.Context) context.Context { return sessionContext{ctx, s} }

// forget logs out. Nothing of the old user stays, nor of what the driver opened
// for them.
func (s *session) forget() {
	defer s.hookLogout(s.info(), s.loggedIn)
	s.dropData()
	if s.logout != nil {
		s.logout(errLogout)
	}
	if s.loggedIn {
		s.loginSince = time.Now()
	}
	s.srv.leaveAccount(s)
	s.account = account{cwd: "."}
	s.mu.Lock()
	s.user, s.loggedIn, s.value = "", false, nil
	s.mu.Unlock()
	if s.bind != nil {
		s.bind.SetOwner("")
	}
}

// reset returns to the state of a new connection, but for its TLS.
func (s *session) reset() {
	s.forget()
	// Clients that connect to an implicit port expect protected data and some
	// never say PROT; RFC 4217 starts in clear (section 9).
	s.params = params{facts: wire.AllFacts, private: s.implicit}
}

// run is the life of the session, and ends it: then everything it held is
// released.
func (s *session) run() {
	err := s.begin()
	if err == nil {
		err = s.serve()
	}
	s.live(err)
}

// live goes on until the session ends. While it rests for long it needs no
// goroutine, or at least not the stack that has grown with handshakes and
// transfers to several times what waiting takes.
func (s *session) live(err error) {
	if err == errResting {
		s.out, s.attendant.timer = nil, nil
		s.lines.Rest()
		if !s.park() {
			go func() { s.live(s.serve()) }()
		}
		return
	}
	if !s.left.Load() {
		s.end(err)
	}
}

// end releases what the session held.
func (s *session) end(err error) {
	defer s.srv.remove(s)
	if err == errQuit {
		err = nil
	}
	s.awaitDiscard()
	s.cancel(err)
	s.dropData()
	s.ctl.Close() // with close_notify under TLS
	s.hookEnd(err)
}

// begin greets the client.
func (s *session) begin() (err error) {
	defer s.rescue(&err)
	s.hookConnect()
	if err := context.Cause(s.ctx); err != nil { // the hook wants nobody from there
		if !s.implicit {
			s.sayDisconnected(err)
		}
		return err
	}
	keepAlive(s.raw)
	if s.implicit {
		if err := s.secure(); err != nil {
			return err
		}
	}
	s.lines = wire.NewLineReader(pacedControl{s}, maxLine)
	return s.write(s.intercepted(wire.Command{}, s.greeting))
}

// serve talks until the session ends and says why it did, or until it has rested
// for a while. errQuit is QUIT.
func (s *session) serve() (err error) {
	defer s.rescue(&err)
	for s.ending == nil {
		in := s.next()
		err := in.err
		if !in.ends() {
			s.pace()
		}
		switch {
		case errors.Is(err, wire.ErrLineTooLong):
			err = s.write(wire.Text(500, "Line too long."))
		case isSyntax(err):
			err = s.write(wire.Text(500, "Syntax error, command unrecognized."))
		case err == nil:
			err = s.handle(in.cmd)
		}
		s.paceDone()
		if err != nil {
			return err
		}
	}
	return s.ending
}

// Reasons for the end of a session.
var (
	errResting      = errors.New("server: resting") // no reason for an end, see live
	errQuit         = errors.New("server: client quit")
	errLogout       = errors.New("server: logged out")
	errIdle         = errors.New("server: idle timeout")
	errLoginTime    = errors.New("server: login timeout")
	errLoginFails   = errors.New("server: too many refused logins")
	errForeignVerbs = errors.New("server: the client speaks another protocol")
	errPanic        = errors.New("server: panic in a driver or hook")
)

// handle runs one command and writes its reply.
func (s *session) handle(cmd wire.Command) error {
	start := time.Now()
	s.setDoing(cmd, true)
	reply := s.dispatch(cmd)
	if s.left.Load() {
		return errLeft
	}
	err := s.write(reply)
	s.setDoing(wire.Command{}, false)
	s.hookCommand(cmd, reply.Code, time.Since(start))
	if then := s.afterReply; then != nil && err == nil {
		s.afterReply = nil
		err = then()
	}
	return err
}

// dispatch looks the verb up, checks what its row demands and runs it. A panic
// below ends this session and nothing else.
func (s *session) dispatch(cmd wire.Command) (reply wire.Reply) {
	defer func() {
		if v := recover(); v != nil {
			reply = s.panicked(v)
		}
	}()
	if row := commands[cmd.Verb]; (row == nil || !row.alone) && !s.held() {
		s.attend(attendAfter, s.watch)
		defer s.relieve()
	}
	return s.intercepted(cmd, func() wire.Reply { return s.perform(cmd) })
}

// perform is dispatch without what is around it.
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
	case err == errUsage:
		reply = wire.Text(501, "Usage: "+row.help)
	case err != nil:
		reply = s.errorReply(err)
	}
	if row.data && refuses(reply) {
		s.dropData() // its port is worth more to others
	}
	return reply
}

// errUsage is returned by a handler whose argument has not the form that HELP tells.
var errUsage = errors.New("server: not the syntax of the command")

// refuses reports whether a transfer was refused. A command that was not
// understood is none that was refused.
func refuses(r wire.Reply) bool { return r.Code >= 400 && (r.Code < 500 || r.Code > 503) }

// rescue keeps a panic of the embedder's functions that run outside of a
// command, hooks and those of its tls.Config, from ending the process.
func (s *session) rescue(err *error) {
	if v := recover(); v != nil {
		s.panicked(v)
		*err = errPanic
	}
}

// panicked reports a panic and ends the session.
func (s *session) panicked(v any) wire.Reply {
	s.logPanic(v, debug.Stack())
	s.ending, s.afterReply = errPanic, nil
	return wire.Text(421, "Internal error; closing the control connection.")
}

// write sends a reply.
func (s *session) write(r wire.Reply) error {
	s.out = r.Append(s.out[:0])
	_, err := s.ctl.Write(s.out)
	if err == nil {
		s.hookReply(r)
	}
	if cap(s.out) > 4096 {
		s.out = nil // a long FEAT or STAT must not weigh on an idle session
	}
	return err
}

// cut ends the session from outside, whatever it is doing.
func (s *session) cut(cause error) {
	s.cancel(cause)
	s.wake()
	s.raw.Close()
}

// keepAlive makes the kernel notice a client that vanished, and keeps the
// control connection alive in NAT tables during a long transfer.
func keepAlive(conn net.Conn) {
	if t := tcp(conn); t != nil {
		t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 6})
	}
}

// isEOF reports whether the control connection ended in order.
func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
