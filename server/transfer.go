package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// transfer is the transfer of a file or a listing under way, or other work on files
// that may take long. The session's owner does the work, while the attendant hears
// commands.
type transfer struct {
	verb, path string
	from       []string // the source files of COMB and SITE CPTO
	active     bool     // the server connects to the client
	tls        *TLSInfo // of the data connection, if a hook or Intercept is told of it
	offset     int64
	upload     bool
	listing    bool
	local      bool // without a data connection: HASH, COMB, SITE CPTO
	ascii      bool
	compressed bool // MODE Z
	level      int  // of compression, 0 for the default
	started    time.Time
	bytes      atomic.Int64
	file       io.Closer // closed at the end whatever happens; nil for none
	extent     extent    // of what is sent
	session    *session  // of local work; nil for other
	meter      *meter    // bounds the rate of the bytes; nil for no limit

	protected, resumed, truncated bool
	sorted                        bool // resumed by the session's own ticket though the owner has other sessions
	sibling                       bool // resumed by the ticket of another session of the owner

	unproven  bool          // nothing vouches for the end of an upload
	ended     atomic.Int64  // when all data had moved, in ns; 0 before that
	begun     bool          // what is heard from now on came after 150, see quits
	quitAhead bool          // QUIT came before 150
	quit      atomic.Bool   // QUIT came after 150
	news      chan struct{} // tell sends here that an unproven end is not to be believed

	where    atomic.Int32 // where the owner is, see inDriver
	patience *time.Timer  // see hurry
	moved    atomic.Int64 // one more than bytes was when hurry looked last
	hung     atomic.Int32 // how many times in a row hurry has found the driver at rest
	ours     atomic.Bool  // a listing waits for the client although where is whereDriver, see lister.apart

	opened  atomic.Bool // the data connection is there and the handshake done
	secured bool        // the data connection's handshake succeeded
	peer    netip.AddrPort

	ctx    context.Context // ends with ABOR and with the session
	cancel context.CancelCauseFunc
}

// job moves the bytes, and ends the connection with finish when all is well. When a job
// returns an error, runJob resets the connection of a download, so that the client does
// not take what it has for the whole; the connection of an upload or listing ends in
// order, and the reply tells.
type job func(conn *dataConn) error

var errAborted = errors.New("server: the client sent ABOR")

// newTransfer checks that a transfer may start at all, before anything is opened for
// the transfer.
func (s *session) newTransfer(verb, path string) (*transfer, error) {
	if !s.private && !s.clearData() {
		s.dropData()
		return nil, &dataError{code: 522, text: "Data connections must be protected: send PBSZ 0 and PROT P first."}
	}
	if s.data == nil {
		return nil, &dataError{code: 425, text: "Use PASV or EPSV first."}
	}
	t := &transfer{
		verb: verb, path: wire.Display(path), started: time.Now(), ascii: s.converts(),
		compressed: s.deflate, level: s.level,
		protected: s.private && s.ctl.bind != nil,
		news:      make(chan struct{}, 1),
	}
	_, t.active = s.data.(*activeDialer)
	t.ctx, t.cancel = context.WithCancelCause(s.ctx)
	return t, nil
}

// transfer runs a job and returns the final reply. It sends 150 before it waits for the
// data connection, because many clients send their ClientHello only after 150.
func (s *session) transfer(t *transfer, opening string, job job) (wire.Reply, error) {
	s.givePlace()
	if t.upload {
		s.takeSent()
	}
	d := s.data
	s.data = nil // the next transfer needs another, whatever becomes of this one
	defer s.port.Store(nil)
	s.setMoving(t)
	t.meter = s.meter(t.upload)
	d.TransferStarting()
	working := false
	defer func() {
		if !working { // a hook has ended the goroutine before
			s.release(t, d)
		}
	}()
	var announced error
	if !d.Over() { // else Accept says why there will be no connection
		// A hook may panic: the job is left to release what it has.
		if announced = rescued(func() error { return s.write(wire.Text(150, opening)) }); announced != nil {
			t.cancel(announced)
		}
	}
	err := s.during(t, func() error {
		working = true
		return s.runJob(t, d, job)
	})
	if s.inbox.left.Load() {
		return wire.Reply{}, err
	}
	if errors.As(announced, new(*panicError)) {
		err = announced // even if the job was done before the cancellation reached it
	}
	s.proof.learn(t, err)
	done := t.report()
	done.Err = err
	s.hookTransfer(&done)
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(226, "Transfer complete.")
}

// report returns what hooks are told, but for the session and the error.
func (t *transfer) report() Transfer {
	return Transfer{
		Verb: t.verb, Path: t.path, From: t.from, TLS: t.tls, Active: t.active, Offset: t.offset, Bytes: t.bytes.Load(), Duration: time.Since(t.started),
		Protected: t.protected, Resumed: t.resumed, Truncated: t.truncated, Unproven: t.unproven, Peer: t.peer, ASCII: t.ascii, Compressed: t.compressed,
	}
}

// onFiles runs work on files that needs no data connection, beside the session as
// a transfer: Sessions shows it, and ABOR ends it.
func (s *session) onFiles(verb, name string, work func(t *transfer) error) error {
	return s.within(s.localTransfer(verb, name), work)
}

// copying does what onFiles does, for work that makes a file of others. Hooks hear of
// such work as a transfer.
func (s *session) copying(verb, to string, from []string, work func(t *transfer) error) error {
	t := s.localTransfer(verb, to)
	for _, name := range from {
		t.from = append(t.from, wire.Display(name))
	}
	err := s.within(t, work)
	if !s.inbox.left.Load() {
		done := t.report()
		done.Err = err
		s.hookTransfer(&done)
	}
	return err
}

func (s *session) localTransfer(verb, name string) *transfer {
	t := &transfer{verb: verb, path: wire.Display(name), started: time.Now(), local: true, session: s}
	t.ctx, t.cancel = context.WithCancelCause(s.ctx)
	return t
}

func (s *session) within(t *transfer, work func(t *transfer) error) error {
	s.setMoving(t)
	return s.during(t, func() (err error) {
		defer t.inDriver(&err)() // all of work counts as a call of the driver
		return work(t)
	})
}

// during runs the work of t while the attendant hears commands.
func (s *session) during(t *transfer, work func() error) error {
	defer t.cancel(nil)
	defer s.watchOver(t)()
	s.inbox.relieve()
	err := rescued(func() error {
		for _, in := range s.inbox.takeAll() { // which came while the file was being opened
			s.hear(in, t)
		}
		return nil
	})
	t.begun = true
	if err != nil {
		t.cancel(err) // work is left to release what it has
	}
	delay := attendAfter
	if t.upload && !s.ctl.showsInput() {
		delay = 0 // whether the client went away must be known at the end, which hearSent can't find out
	}
	s.inbox.attend(delay, func() { s.attendTo(t) })
	if e := rescued(work); err == nil {
		err = e
	}
	if !t.where.CompareAndSwap(whereOurs, whereOver) {
		s.inbox.left.Store(true) // leave is about to set it
		return errTooLate
	}
	s.inbox.relieve()
	s.setMoving(nil)
	if !s.inbox.held() {
		s.watch() // for what is left of the command
	}

	cause := context.Cause(t.ctx)
	var panicked *panicError
	if err != nil && cause != nil && !errors.As(err, &panicked) {
		err = &dataError{426, "Transfer aborted.", cause}
	}
	return err
}

// rescued runs work and makes an error of a panic.
func rescued(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	return work()
}

// release gives up what a transfer has that will not begin.
func (s *session) release(t *transfer, d dataSource) {
	defer d.Close()
	if t.file != nil {
		err := errExited
		t.closeFile(&err)
	}
}

// runJob gets the data connection and lets the job use it.
func (s *session) runJob(t *transfer, d dataSource, job job) (err error) {
	if t.file != nil {
		defer t.closeFile(&err)
	}
	defer d.Close()
	conn, err := s.openData(t.ctx, t, d)
	if err != nil {
		return err
	}
	t.opened.Store(true)
	stop := context.AfterFunc(t.ctx, conn.abort)
	defer stop()
	returned := false
	defer conn.uncompress() // after the end of what it compressed
	defer func() {
		var panicked *panicError
		inOrder := returned && t.ctx.Err() == nil && !errors.As(err, &panicked)
		switch {
		case returned && err == nil, inOrder && t.listing:
			conn.finish() // does nothing if the job has called it
		case inOrder && t.upload:
			s.discard(conn)
		default:
			conn.abort()
			conn.release()
		}
	}()
	if err = conn.intercept(s, t); err != nil {
		if returned = t.upload; !t.upload {
			conn.finish() // nothing was sent, so there is nothing to be mistaken for whole
		}
		return err
	}
	if t.compressed {
		conn.compress(t)
	}
	err = job(conn)
	t.allMoved()
	returned = true
	return err
}

// panicError is a panic of the embedder's code as an error. Hooks get it; the stack is for
// the log.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// ABOR: RFC 959, section 4.1.3, case 1, when nothing is under way.
func (s *session) cmdAbor(context.Context, string) (wire.Reply, error) {
	s.dropData()
	return ok(226, "Nothing to abort; data connection closed.")
}
