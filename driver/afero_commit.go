package driver

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

func (u *aferoUpload) Commit() error {
	switch {
	case u.done:
		return fail("commit", u.name, fs.ErrClosed)
	case u.err != nil:
		return u.err
	}
	u.err = fail("commit", u.name, u.commit())
	if u.err == nil {
		u.end()
	}
	return u.err
}

func (u *aferoUpload) commit() error {
	unlock, err := u.a.alone(u.ctx, u.path)
	if err != nil {
		return err
	}
	defer unlock()
	for range changeTries {
		if err = u.tryCommit(); !errors.Is(err, errOutrun) {
			return err
		}
	}
	return err
}

// tryCommit commits once, over the file that has the name at this moment. The error is
// errOutrun if another program changed that file during the copy.
func (u *aferoUpload) tryCommit() error {
	old, err := u.a.target(u.path)
	if err == nil {
		err = u.may(old)
	}
	if err != nil {
		return err
	}
	// Close the temporary file before it is read or renamed, because many file systems store
	// a file only when it is closed.
	if err := u.closeTemp(); err != nil {
		return err
	}
	keep := u.keeps(old)
	if keep == 0 {
		return u.place(u.temp, old)
	}
	return u.placeBehind(keep, old)
}

// may returns an error if the upload may no longer be committed over old, the file that has
// the name now.
func (u *aferoUpload) may(old fs.FileInfo) error {
	u.a.mu.Lock()
	touched := u.touched
	u.a.mu.Unlock()
	switch {
	case u.opts.Append && u.old != nil && old == nil,
		u.opts.Offset > 0 && (touched || old == nil || !sameFile(u.old, aferoStat(old, ""))),
		u.looked && (touched || !sameOrNone(u.kept, aferoStatOrNone(old))):
		return ErrChanged
	}
	return u.check(old)
}

// keeps returns how many bytes of old, which may be nil, the upload keeps.
func (u *aferoUpload) keeps(old fs.FileInfo) int64 {
	switch {
	case !u.opts.Append:
		return u.opts.Offset
	case old == nil:
		return 0
	}
	return old.Size()
}

// placeBehind makes a file of the first keep bytes of old and the uploaded bytes, and puts it
// in place. The error is errOutrun if a program that knows no locks has written into old
// meanwhile.
func (u *aferoUpload) placeBehind(keep int64, old fs.FileInfo) (err error) {
	was, temp := aferoStat(old, ""), sibling(u.path) // a copy, because MemMapFs changes old with the file
	f, err := u.a.create(temp, old)
	if err != nil {
		return err
	}
	ready := false
	defer func() { // also when the file system panics
		if !ready {
			f.Close()
			u.a.fs.Remove(temp)
		}
	}()
	if err := u.copyFrom(f, u.path, keep); err != nil {
		return err
	}
	if err := u.copyFrom(f, u.temp, -1); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	now, err := u.a.target(u.path)
	if err != nil {
		return err
	}
	if !sameOrNone(was, aferoStatOrNone(now)) {
		return errOutrun
	}
	if err := u.place(temp, old); err != nil {
		return err
	}
	ready = true
	_ = u.a.fs.Remove(u.temp)
	return nil
}

// copyFrom copies the first n bytes of a file, or all of it if n is negative. If the file has
// become shorter than n bytes, the error is errOutrun.
func (u *aferoUpload) copyFrom(dst io.Writer, p string, n int64) error {
	src, err := u.a.fs.Open(p)
	if err != nil {
		return err
	}
	defer src.Close()
	all := n < 0
	for all || n > 0 {
		step := int64(copyStep)
		if !all {
			step = min(step, n)
		}
		m, err := io.CopyN(dst, src, step)
		n -= m
		switch {
		case err == io.EOF && all:
			return nil
		case err == io.EOF:
			return errOutrun
		case err != nil:
			return err
		case u.ctx.Err() != nil:
			return u.ctx.Err()
		}
	}
	return nil
}

// place gives a temporary file the name of the upload. It replaces old, which is nil if the
// name is free.
func (u *aferoUpload) place(temp string, old fs.FileInfo) error {
	if old != nil {
		// Restore the mode, because the umask may have taken bits of the old mode away. Not
		// every file system has modes.
		_ = u.a.fs.Chmod(temp, old.Mode().Perm())
	}
	u.a.touched(u.path)
	err := u.a.rename(u.ctx, temp, u.path, old)
	if errors.Is(err, errors.ErrUnsupported) {
		return u.copyBack(temp)
	}
	return err
}

// copyBack copies a temporary file to the name of the upload, in file systems without Rename.
func (u *aferoUpload) copyBack(temp string) error {
	unlock, err := u.a.hands(u.ctx, u.path)
	if err != nil {
		return err
	}
	defer unlock()
	if err := u.copyTo(temp); err != nil {
		return err
	}
	return u.a.fs.Remove(temp)
}

func (u *aferoUpload) copyTo(temp string) (err error) {
	dst, err := u.a.fs.OpenFile(u.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = first(err, dst.Close()) }()
	return u.copyFrom(dst, temp, -1)
}
