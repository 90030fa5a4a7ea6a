package channel

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"syscall"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

var (
	// ErrGone is the error of every call after the other end has closed the socket.
	ErrGone = errors.New("channel: the other process has ended")
	// ErrStuck is the error of a call that was not answered in time.
	ErrStuck = errors.New("channel: the other process does not answer")
	// ErrTooMany is the answer to a call while too many others are under way.
	ErrTooMany = errors.New("channel: too many calls at once")
)

// kinds are the errors that callers of a driver tell apart. A message names them by their index in
// this list.
var kinds = []error{
	fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid, fs.ErrClosed, errors.ErrUnsupported,
	driver.ErrQuota, driver.ErrOffset, driver.ErrIsDir, driver.ErrNotDir, driver.ErrNotEmpty, driver.ErrName,
	driver.ErrChanged, driver.ErrBusy, context.Canceled, context.DeadlineExceeded, driver.ErrLogin, driver.ErrNeedPassword,
	syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS,
	ErrGone, ErrStuck, ErrTooMany, ErrMessage,
	passive.ErrBusy, passive.ErrExpired, passive.ErrClosed, passive.ErrAmbiguous, passive.ErrRetired, passive.ErrUnproven, passive.ErrGone,
	passive.ErrForeign, tls.ErrForeign, tls.ErrNotResumed, tls.ErrOtherCertificate,
}

// Kinds returns the errors that errors.Is still finds at the other end.
func Kinds() []error { return slices.Clone(kinds) }

// maxText bounds the text of an error in a message, in bytes.
const maxText = 4096

// failure is an error of the other end: its text, and the kinds that errors.Is and errors.As find in
// it.
type failure struct {
	text string
	is   []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.is }

// Failure writes an error, or nil.
func (w *Writer) Failure(err error) {
	w.Bool(err != nil)
	if err == nil {
		return
	}
	err = driver.SysError(err)
	text := err.Error()
	w.String(text[:min(len(text), maxText)])
	var mask uint64
	for i, kind := range kinds {
		if errors.Is(err, kind) {
			mask |= 1 << i
		}
	}
	w.Uint(mask)
	var own *driver.Error
	w.Bool(errors.As(err, &own))
	if own != nil {
		w.Uint(uint64(own.Code))
		w.String(own.Text[:min(len(own.Text), maxText)])
	}
}

// Failure reads an error, nil if there is none.
func (r *Reader) Failure() error {
	if !r.Bool() {
		return nil
	}
	f := &failure{text: r.String()}
	mask := r.Uint()
	for i, kind := range kinds {
		if mask&(1<<i) != 0 {
			f.is = append(f.is, kind)
		}
	}
	if r.Bool() {
		f.is = append(f.is, &driver.Error{Code: int(r.Uint()), Text: r.String()})
	}
	return f
}
