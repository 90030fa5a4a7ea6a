package server

import (
	"io"
	"os"

	"github.com/sallyport/sallyport/driver"
)

// extent is a file of the system that is being sent. end is the offset at which the part
// that was asked for ended when the file was opened. The zero value is a file whose end is
// unknown.
type extent struct {
	f   *os.File
	end int64
}

// extentOf returns the extent of a file that a driver opened at offset. If only a part was
// asked for, until is where the part ends; otherwise until is 0.
func extentOf(file io.Reader, offset, until int64) (e extent) {
	switch r := file.(type) {
	case *os.File:
		if fi, err := r.Stat(); err == nil {
			e = extent{r, fi.Size()}
		}
	case driver.FilePart:
		f, n := r.Part()
		e = extent{f, offset + n}
	}
	if until > 0 {
		e.end = min(e.end, until)
	}
	return e
}

// check returns an error if the file is shorter now, because somebody cut it or began to
// write it anew in place: the client has not got what was there. check asks for the size
// and does not count the bytes sent, because some systems tell a size that nothing of the
// file ever has.
func (e extent) check() error {
	if e.f == nil {
		return nil
	}
	if fi, err := e.f.Stat(); err == nil && fi.Size() < e.end {
		return errShortened
	}
	return nil
}

var errShortened = &driver.Error{Code: 451, Text: "The file became shorter while it was sent; try again."}
