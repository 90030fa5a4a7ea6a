package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// ok returns a one-line reply from a handler.
func ok(code int, text string) (wire.Reply, error) { return wire.Text(code, text), nil }

// okf does what ok does, with a format for the text.
func okf(code int, format string, args ...any) (wire.Reply, error) {
	return wire.Text(code, fmt.Sprintf(format, args...)), nil
}

// dataError is the failure of a transfer on the data connection, rather than in the
// driver.
type dataError struct {
	code int
	text string
	err  error
}

// Error returns one sentence for hooks and the log. text alone is for the client.
func (e *dataError) Error() string { return sentence(e.text, e.err) }

func (e *dataError) Unwrap() error { return e.err }

// sayings maps the errors a driver may return to what the client is told. The
// first match counts.
var sayings = []struct {
	err  error
	code int
	text string
}{
	{fs.ErrNotExist, 550, "No such file or directory."},
	{driver.ErrNotEmpty, 550, "Directory not empty."},
	{driver.ErrIsDir, 550, "Is a directory."},
	{driver.ErrNotDir, 550, "Not a directory."},
	{fs.ErrExist, 550, "Already exists."},
	{fs.ErrPermission, 550, "Permission denied."},
	{driver.ErrQuota, 552, "Storage limit reached."},
	{driver.ErrName, 553, "Name not allowed."},
	{fs.ErrInvalid, 553, "Name not allowed."},
	{driver.ErrOffset, 554, "Restart position is beyond the end of the file."},
	{driver.ErrChanged, 450, "The file has been changed or removed meanwhile; try again."},
	{driver.ErrBusy, 450, "The file is in use; try again later."},
	{errors.ErrUnsupported, 504, "Not supported by this file system."},
	{context.DeadlineExceeded, 451, "Timed out."},
	{context.Canceled, 426, "Aborted."},
}

// closing returns the error by which a driver closes the control connection: a
// driver.Error with code 421 (RFC 959, section 4.2.2).
func closing(err error) (own *driver.Error, ok bool) {
	ok = errors.As(err, &own) && own.Code == 421
	return own, ok
}

// closes deals with the error of a step that follows a success, such as the closing of a
// file that was read. It sets *err to failed if the driver closes the control connection
// by failed, and drops other errors.
func closes(failed error, err *error) {
	if failed == nil || *err != nil {
		return
	}
	if _, ok := closing(failed); ok {
		*err = failed
	}
}

// errorReply turns the error of a handler into a reply. sayings holds the replies
// to errors of a driver; a dataError, made where the data connection failed, brings
// its own. Words that were not written for the client stay in the log: they may
// hold real paths.
func (s *session) errorReply(err error) wire.Reply {
	var (
		panicked *panicError
		onData   *dataError
		own      *driver.Error
		syntax   *wire.SyntaxError
	)
	switch {
	case errors.As(err, &panicked):
		return s.panicked(panicked.value, panicked.stack)
	case errors.As(err, &onData):
		return wire.Text(onData.code, onData.text)
	case errors.As(err, &own):
		code := own.Code
		if code < 400 || code > 599 {
			code = 550
		}
		s.log(slog.LevelDebug, "driver refused", "err", loggable(err))
		if code == 421 {
			s.endWith(errClosing421)
		}
		return wire.Text(code, own.Text)
	case errors.As(err, &syntax):
		return wire.Text(501, syntax.For(s.doing.Verb))
	case errors.Is(err, wire.ErrParameter):
		return wire.Text(504, s.doing.Verb+" is not implemented for that parameter.")
	}
	for _, say := range sayings {
		if errors.Is(err, say.err) {
			s.log(slog.LevelDebug, "driver refused", "err", loggable(err))
			return wire.Text(say.code, say.text)
		}
	}
	s.log(slog.LevelError, "driver failed", "err", loggable(err))
	return wire.Text(451, "Requested action aborted: local error.")
}
