package driver

import (
	"io"
	"io/fs"
	"os"
)

// lookedAt is the file that an upload adds to, as Keep found it. The file stays open,
// so that no other file gets its number.
type lookedAt struct {
	f    *os.File    // nil if there was none
	info fs.FileInfo // nil if there was none
	n    int64       // how many bytes are kept
}

// found reports whether Keep has found a file.
func (l *lookedAt) found() bool { return l != nil && l.f != nil }

func (l *lookedAt) close() {
	if l.found() {
		l.f.Close()
	}
}

// Keep returns how many bytes of the old file Commit keeps. From then on Commit is
// ErrChanged if the file is another one or has changed.
func (u *atomicUpload) Keep() (int64, error) {
	if u.done || u.err != nil {
		return 0, u.refuse("read")
	}
	if !u.opts.adds() {
		return 0, nil
	}
	l, err := u.openLocked()
	if err != nil {
		return 0, u.d.fail("read", u.name, err)
	}
	u.looked.close()
	u.looked = l
	return l.n, nil
}

// openLocked opens the file under its lock, while nobody is adding to the file.
func (u *atomicUpload) openLocked() (*lookedAt, error) {
	h, err := u.d.hold(u.ctx, u.parent, u.base, true)
	switch {
	case err != nil:
		return nil, err
	case h == nil && (u.old != nil || u.looked.found()):
		return nil, ErrChanged // the file was removed
	case h == nil:
		return &lookedAt{}, nil
	}
	defer h.release()
	n, err := u.kept(h)
	if err != nil {
		return nil, err
	}
	f, err := openRegular(u.parent, u.base, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !unchanged(h.info, info) {
		err = ErrChanged
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &lookedAt{f, info, n}, nil
}

// OpenKept opens the kept bytes of the file.
func (u *atomicUpload) OpenKept() (io.ReadCloser, error) {
	if u.done || u.err != nil {
		return nil, u.refuse("read")
	}
	if !u.looked.found() {
		return section{io.NewSectionReader(u.f, 0, 0)}, nil
	}
	return section{io.NewSectionReader(u.looked.f, 0, u.looked.n)}, nil
}
