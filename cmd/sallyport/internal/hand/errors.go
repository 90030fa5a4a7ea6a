//go:build linux

package hand

import (
	"context"
	"errors"
	"io/fs"

	"github.com/sallyport/sallyport/driver"
)

// kinds are the errors that callers of an FS tell apart. A message has their places in this list.
var kinds = []error{
	fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrInvalid, fs.ErrClosed, errors.ErrUnsupported,
	driver.ErrQuota, driver.ErrOffset, driver.ErrIsDir, driver.ErrNotDir, driver.ErrNotEmpty, driver.ErrName,
	driver.ErrChanged, driver.ErrBusy, context.Canceled, context.DeadlineExceeded,
}

// maxText is how much of an error's text is told, in bytes.
const maxText = 4096

// failure is an error of the other end: its text, and what errors.Is and errors.As find in it.
type failure struct {
	text string
	is   []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.is }

// error writes an error, or that there is none.
func (w *writer) error(err error) {
	w.bool(err != nil)
	if err == nil {
		return
	}
	err = driver.SysError(err)
	text := err.Error()
	w.string(text[:min(len(text), maxText)])
	var mask uint64
	for i, kind := range kinds {
		if errors.Is(err, kind) {
			mask |= 1 << i
		}
	}
	w.uint(mask)
	var own *driver.Error
	w.bool(errors.As(err, &own))
	if own != nil {
		w.uint(uint64(own.Code))
		w.string(own.Text[:min(len(own.Text), maxText)])
	}
}

// error reads an error, nil if there is none.
func (r *reader) error() error {
	if !r.bool() {
		return nil
	}
	f := &failure{text: r.string()}
	mask := r.uint()
	for i, kind := range kinds {
		if mask&(1<<i) != 0 {
			f.is = append(f.is, kind)
		}
	}
	if r.bool() {
		f.is = append(f.is, &driver.Error{Code: int(r.uint()), Text: r.string()})
	}
	return f
}
