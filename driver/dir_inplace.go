package driver

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// inPlaceUpload writes into the file itself. What arrived stays when the upload
// is cut, so that the client can resume from the size it then sees.
//
// With an offset the file ends where the new data ends. That is so after a cut
// as well, once a byte has been written: were the old end kept, the size would
// tell a client that nothing is missing, and the file would be a mixture of two
// versions. When not even one byte arrived the file is left as it was.
type inPlaceUpload struct {
	writing
	how  How
	sync bool
}

func (d *Dir) storeInPlace(p, name string, how How) (Upload, error) {
	flag := os.O_WRONLY
	if how.Offset == 0 {
		flag |= os.O_CREATE
	}
	if how.Exclusive {
		flag |= os.O_EXCL
	}
	if how.Append {
		flag |= os.O_APPEND
	}
	_, err := d.root.Stat(p)
	fresh := errors.Is(err, fs.ErrNotExist)
	if how.Exclusive && err == nil {
		return nil, fs.ErrExist
	}
	f, err := openRegular(d.root, p, flag, d.fileMode())
	if err != nil {
		return nil, d.offsetError(p, how, err)
	}
	u := &inPlaceUpload{writing: writing{name: name, f: f}, how: how, sync: d.Sync}
	switch {
	case fresh && d.FileMode != 0:
		err = f.Chmod(d.fileMode())
	case how.Offset > 0:
		err = seek(f, how.Offset)
	case !how.Append:
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return u, nil
}

// offsetError tells a missing file, which is empty for an offset, from a missing
// directory.
func (d *Dir) offsetError(p string, how How, err error) error {
	if how.Offset > 0 && errors.Is(err, fs.ErrNotExist) {
		if fi, e := d.root.Stat(filepath.Dir(p)); e == nil && fi.IsDir() {
			return ErrOffset
		}
	}
	return err
}

// Commit makes the file end where the data ends and closes it.
func (u *inPlaceUpload) Commit() error {
	if u.done || u.err != nil {
		return u.refuse("commit")
	}
	err := u.cut()
	if err == nil && u.sync {
		err = u.f.Sync()
	}
	if err == nil {
		u.done = true
		err = u.f.Close()
	}
	u.err = fail("commit", u.name, err)
	return u.err
}

// Close keeps what arrived.
func (u *inPlaceUpload) Close(error) error {
	if u.done {
		return nil
	}
	u.done = true
	var err error
	if u.n > 0 {
		err = u.cut()
	}
	return fail("close", u.name, first(err, u.f.Close()))
}

// cut removes the old data behind the new. It asks the file for the position,
// since a write that failed may have written a part.
func (u *inPlaceUpload) cut() error {
	if u.how.Offset == 0 {
		return nil
	}
	at, err := u.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	return u.f.Truncate(at)
}
