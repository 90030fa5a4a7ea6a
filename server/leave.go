package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// A call of a driver that has no context, such as Commit or Close of an upload, may not
// return. The goroutine that owns the session is then stuck in the call. So that ABOR,
// QUIT, the client's end and Shutdown still end the session, another goroutine ends the
// session (leave). When the driver returns at last, the owner finds the session gone,
// releases what belongs to the transfer, and ends too.

const (
	// driverPatience is how long a driver may take to return after its context has
	// ended.
	driverPatience = 5 * time.Second
	// endPatience is how long a transfer whose client is gone or has sent QUIT may take
	// after all data has moved. After QUIT it is also how long the driver may move
	// nothing. movePatience is how long the transfer may move nothing when the client is
	// gone. After that the context of the transfer ends.
	endPatience  = 10 * time.Second
	movePatience = 5 * time.Second
)

var (
	errTooLate = errors.New("server: the session had ended when the driver returned")
	errHangs   = errors.New("server: the driver does not return")
)

// The owner of a session is in one of these places with a transfer.
const (
	whereOurs   = iota // in this package
	whereDriver        // in a call of the driver
	whereOver          // done
	whereLeft          // left behind in a call of the driver, see leave
)

// inDriver marks the beginning of a call of the driver. The function that it returns
// marks the end of the call, and sets *err to errTooLate if leave has ended the session
// meanwhile.
func (t *transfer) inDriver(err *error) func() {
	t.where.CompareAndSwap(whereOurs, whereDriver)
	return func() {
		if !t.where.CompareAndSwap(whereDriver, whereOurs) && t.where.Load() == whereLeft {
			*err = errTooLate
		}
	}
}

// allMoved notes that all data of the transfer has moved.
func (t *transfer) allMoved() { t.ended.CompareAndSwap(0, time.Now().UnixNano()) }

// closeSource closes a file that local work has read. Close has no context, so the time
// of Close counts as time after all data has moved, for which a client that sent QUIT
// waits no longer than endPatience. An error is dropped, since all bytes were read,
// unless it is a 421.
func (t *transfer) closeSource(file io.Closer, err *error) {
	t.allMoved()
	defer t.ended.Store(0) // there may be more files
	closes(file.Close(), err)
}

// guarded is an upload whose calls may not return: inDriver marks each.
type guarded struct {
	up driver.Upload
	t  *transfer
}

func (g guarded) Write(p []byte) (n int, err error) {
	defer g.t.inDriver(&err)()
	return g.up.Write(p)
}

func (g guarded) Prepare() (err error) {
	defer g.t.inDriver(&err)()
	return driver.Prepare(g.up)
}

func (g guarded) Commit() (err error) {
	defer g.t.inDriver(&err)()
	return g.up.Commit()
}

func (g guarded) Close(cause error) (err error) {
	defer g.t.inDriver(&err)()
	return g.up.Close(cause)
}

// closeFile closes the file of a download. An error is dropped, since all bytes were
// read, unless it is a 421.
func (t *transfer) closeFile(err *error) {
	var failed error
	defer func() { closes(failed, err) }()
	defer t.inDriver(&failed)()
	failed = t.file.Close()
}

// source is the file of a download, whose Read may not return.
type source struct {
	from io.Reader
	t    *transfer
}

func (r source) Read(p []byte) (n int, err error) {
	defer r.t.inDriver(&err)()
	return r.from.Read(p)
}

// watchOver has hurry end the session without its owner, if the owner is stuck in a call
// of the driver that belongs to the transfer. The caller calls stop when the transfer is
// over.
func (s *session) watchOver(t *transfer) (stop func()) {
	t.patience = time.AfterFunc(forever, func() { s.hurry(t) })
	t.patience.Stop()
	if s.ctl.gone.Load() {
		t.tell()
	}
	unhook := context.AfterFunc(t.ctx, func() { t.patience.Reset(driverPatience) })
	return func() {
		unhook()
		t.patience.Stop()
	}
}

// hurry ends a transfer that hangs, or gives it more time. t.patience calls hurry.
func (s *session) hurry(t *transfer) {
	switch at := t.where.Load(); {
	case at == whereOver || at == whereLeft:
	case t.ctx.Err() != nil:
		if !s.leave(t) {
			t.patience.Reset(time.Second) // the owner is busy with something else
		}
	case t.stuck(s.ctl.gone.Load()):
		t.cancel(errHangs)
	default:
		t.patience.Reset(movePatience)
	}
}

// stuck reports whether a transfer must be ended. It must if all data moved endPatience
// ago; if the client is gone and no byte has moved since the last call; or if the driver
// has moved no byte for endPatience. hurry calls stuck every movePatience.
func (t *transfer) stuck(gone bool) bool {
	if ended := t.ended.Load(); ended != 0 {
		return time.Since(time.Unix(0, ended)) >= endPatience
	}
	n := t.bytes.Load()
	still := t.moved.Swap(n+1) == n+1
	if gone {
		return still
	}
	// A client that sent QUIT may take or send the rest slowly. Work without a data
	// connection may take long and tells nothing meanwhile.
	if !still || t.local || t.where.Load() != whereDriver || t.ours.Load() {
		t.hung.Store(0)
		return false
	}
	return time.Duration(t.hung.Add(1))*movePatience >= endPatience
}

// leave ends the session and leaves its owner behind in a call of the driver. It returns
// false if the owner is in no such call.
func (s *session) leave(t *transfer) bool {
	if !t.where.CompareAndSwap(whereDriver, whereLeft) {
		return false
	}
	s.inbox.leave()
	var err error
	defer func() { s.end(err) }()
	defer s.rescue(&err) // hooks may panic
	s.log(slog.LevelError, "a driver does not return; the session ends without it", "verb", t.verb, "path", printable(t.path))
	s.setMoving(nil)
	done := t.report()
	done.Err = &dataError{421, "The driver does not return.", reasonToEnd(context.Cause(t.ctx))}
	if !t.local || t.from != nil {
		s.hookTransfer(&done)
	}
	cmd := s.doing
	s.write(wire.Text(421, "The files can't be reached; closing the control connection."))
	s.setDoing(wire.Command{}, false)
	s.hookCommand(cmd, s.describe(cmd), 421, time.Since(t.started))
	err = errHangs
	return true
}

// reasonToEnd returns why a transfer was ended while the driver was busy, nil if only
// because the driver did not return.
func reasonToEnd(cause error) error {
	if cause == errHangs {
		return nil
	}
	return cause
}
