package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/afero"
)

// aferoUpload writes a temporary file beside the one it will be.
type aferoUpload struct {
	a    *aferoFS
	name string
	temp string
	mode fs.FileMode // of the file to be replaced; 0 is a new one
	how  How
	f    afero.File
	err  error
	done bool
}

// sibling is a temporary name in the same directory.
func sibling(p string) string { return filepath.Join(filepath.Dir(p), tempName()) }

func (a *aferoFS) Store(ctx context.Context, name string, how How) (Upload, error) {
	if how.Append {
		how.Offset = 0
	}
	u := &aferoUpload{a: a, name: name, how: how}
	err := a.change(ctx, "store", name, func(p string, old fs.FileInfo) error {
		if err := u.check(old); err != nil {
			return err
		}
		var size int64
		if old != nil {
			size, u.mode = old.Size(), old.Mode().Perm()
		}
		keep := how.Offset
		switch {
		case how.Append:
			keep = size
		case keep < 0:
			return fs.ErrInvalid
		case keep > size:
			return ErrOffset
		}
		return u.create(ctx, p, keep)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// check says whether what has the name lets the upload have it.
func (u *aferoUpload) check(old fs.FileInfo) error {
	switch {
	case old == nil:
		return nil
	case old.IsDir():
		return ErrIsDir
	case u.how.Exclusive:
		return fs.ErrExist
	}
	return replaceable(aferoStat(old, ""))
}

func (u *aferoUpload) create(ctx context.Context, p string, keep int64) error {
	mode := u.mode | 0o600
	if u.mode == 0 {
		mode = 0o666
	}
	u.temp = sibling(p)
	f, err := u.a.fs.OpenFile(u.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	u.f = f
	ready := false
	defer func() { // also when the file system panics
		if !ready {
			f.Close()
			u.a.fs.Remove(u.temp)
		}
	}()
	if keep > 0 {
		err = u.copy(ctx, p, keep)
	}
	ready = err == nil
	return err
}

// copy copies the bytes that the upload leaves alone.
func (u *aferoUpload) copy(ctx context.Context, p string, n int64) error {
	src, _, err := u.a.open(p)
	if err != nil {
		return err
	}
	defer src.Close()
	for n > 0 && err == nil {
		var m int64
		m, err = io.CopyN(u.f, src, min(n, 16<<20))
		n -= m
		err = first(err, ctx.Err())
	}
	return err
}

func (u *aferoUpload) Write(p []byte) (int, error) {
	switch {
	case u.done:
		return 0, fail("write", u.name, fs.ErrClosed)
	case u.err != nil:
		return 0, u.err
	}
	n, err := u.f.Write(p)
	u.err = fail("write", u.name, err)
	return n, u.err
}

func (u *aferoUpload) Commit() error {
	switch {
	case u.done:
		return fail("commit", u.name, fs.ErrClosed)
	case u.err != nil:
		return u.err
	}
	u.err = u.a.change(context.Background(), "commit", u.name, u.place)
	u.done = u.err == nil
	return u.err
}

// place renames the temporary file. It is closed before, because many file
// systems store it only then.
func (u *aferoUpload) place(p string, old fs.FileInfo) error {
	if err := u.check(old); err != nil {
		return err
	}
	if err := u.f.Close(); err != nil {
		return err
	}
	if u.mode != 0 {
		// As the umask may have taken bits of the old mode away. Not every
		// file system has modes.
		_ = u.a.fs.Chmod(u.temp, u.mode)
	}
	err := u.a.rename(u.temp, p, old)
	if errors.Is(err, errors.ErrUnsupported) {
		return u.copyBack(p)
	}
	return err
}

// copyBack is for file systems without Rename.
func (u *aferoUpload) copyBack(p string) error {
	if err := u.copyTo(p); err != nil {
		return err
	}
	return u.a.fs.Remove(u.temp)
}

func (u *aferoUpload) copyTo(p string) (err error) {
	src, err := u.a.fs.Open(u.temp)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := u.a.fs.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = first(err, dst.Close()) }()
	_, err = io.Copy(dst, src)
	return err
}

func (u *aferoUpload) Close(error) error {
	if u.done {
		return nil
	}
	u.done = true
	u.f.Close()
	u.a.mu.Lock()
	defer u.a.mu.Unlock()
	err := u.a.fs.Remove(u.temp)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return fail("close", u.name, err)
}
