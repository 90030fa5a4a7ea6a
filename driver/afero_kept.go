package driver

import (
	"io"
	"io/fs"
)

// Keep returns how many bytes of the old file Commit keeps. From then on Commit
// is ErrChanged if the file is another one or has changed.
func (u *aferoUpload) Keep() (int64, error) {
	switch {
	case u.done:
		return 0, fail("read", u.name, fs.ErrClosed)
	case u.err != nil:
		return 0, u.err
	case !u.opts.adds():
		return 0, nil
	}
	n, err := u.noteFile()
	return n, fail("read", u.name, err)
}

// noteFile records which file has the name now, under the lock of the name, and
// returns how many of its bytes the upload keeps.
func (u *aferoUpload) noteFile() (int64, error) {
	unlock, err := u.a.alone(u.ctx, u.path)
	if err != nil {
		return 0, err
	}
	defer unlock()
	now, err := u.a.target(u.path)
	if err == nil {
		err = u.may(now)
	}
	if err != nil {
		return 0, err
	}
	u.a.mu.Lock()
	defer u.a.mu.Unlock()
	u.kept, u.looked, u.touched = aferoStatOrNone(now), true, false
	return u.keeps(now), nil
}

// aferoStatOrNone copies a FileInfo as aferoStat does, and returns nil for nil.
func aferoStatOrNone(fi fs.FileInfo) fs.FileInfo {
	if fi == nil {
		return nil
	}
	return aferoStat(fi, "")
}

// OpenKept opens the file that is added to.
func (u *aferoUpload) OpenKept() (io.ReadCloser, error) {
	switch {
	case u.done:
		return nil, fail("read", u.name, fs.ErrClosed)
	case u.err != nil:
		return nil, u.err
	}
	f, err := u.a.fs.Open(u.path)
	if err != nil {
		return nil, fail("read", u.name, err)
	}
	return f, nil
}
