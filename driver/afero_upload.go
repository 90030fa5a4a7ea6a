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

// aferoUpload writes a temporary file in the directory of the file that it is
// going to be. With Append or an Offset the temporary file holds only the uploaded
// bytes.
type aferoUpload struct {
	a       *aferoFS
	ctx     context.Context // of Store
	name    string
	path    string      // as the file system knows it
	temp    string      // changes with the directory; guarded by a.mu where the lock of path is not held
	old     fs.FileInfo // what had the name in Store
	kept    fs.FileInfo // what had the name in Keep
	looked  bool        // Keep was called: only kept may be added to
	touched bool        // the name leads to another file since Store, or since Keep; guarded by a.mu
	opts    StoreOptions
	f       afero.File
	shut    bool // f is closed
	err     error
	done    bool
}

// sibling returns a temporary name in the same directory.
func sibling(p string) string { return filepath.Join(filepath.Dir(p), tempName()) }

func (a *aferoFS) Store(ctx context.Context, name string, opts StoreOptions) (Upload, error) {
	if opts.Append {
		opts.Offset = 0
	}
	u := &aferoUpload{a: a, ctx: ctx, name: name, opts: opts}
	err := a.change(ctx, "store", name, func(p string, old fs.FileInfo) error {
		if err := u.check(old); err != nil {
			return err
		}
		var size int64
		if old != nil {
			u.old = aferoStat(old, "")
			size = u.old.Size()
		}
		if err := offsetWithin(opts.Offset, size); err != nil {
			return err
		}
		u.path, u.temp = p, sibling(p)
		var err error
		if u.f, err = a.create(u.temp, u.old); err != nil {
			return err
		}
		a.mu.Lock()
		a.uploads[u] = struct{}{}
		a.mu.Unlock()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// create makes a temporary file that will take the place of old.
func (a *aferoFS) create(temp string, old fs.FileInfo) (afero.File, error) {
	mode := fs.FileMode(0o666)
	if old != nil {
		mode = old.Mode().Perm() | 0o600
	}
	return a.fs.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
}

// check returns an error if the upload may not replace old, the file that has the
// name now; old is nil if the name is free.
func (u *aferoUpload) check(old fs.FileInfo) error {
	switch {
	case old == nil:
		return nil
	case old.IsDir():
		return ErrIsDir
	case u.opts.Exclusive:
		return fs.ErrExist
	}
	return replaceable(aferoStat(old, ""))
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

// closeTemp closes the temporary file, once.
func (u *aferoUpload) closeTemp() error {
	if u.shut {
		return nil
	}
	u.shut = true
	return u.f.Close()
}

// OpenStaged opens the temporary file for reading. It first closes the file for
// writing, because many file systems store a file only when it is closed.
func (u *aferoUpload) OpenStaged() (io.ReadCloser, error) {
	switch {
	case u.done:
		return nil, fail("read", u.name, fs.ErrClosed)
	case u.err != nil:
		return nil, u.err
	}
	if u.err = fail("read", u.name, u.closeTemp()); u.err != nil {
		return nil, u.err
	}
	f, err := u.a.fs.Open(u.tempNow())
	if err != nil {
		return nil, fail("read", u.name, err)
	}
	return f, nil
}

func (u *aferoUpload) Close(error) error {
	if u.done {
		return nil
	}
	u.done = true
	_ = u.closeTemp()
	temp := u.tempNow()
	defer func() {
		u.end()
		if now := u.tempNow(); now != temp { // the directory was renamed a moment ago
			_ = u.a.fs.Remove(now)
		}
	}()
	err := u.a.fs.Remove(temp)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return fail("close", u.name, err)
}

// tempNow returns the name of the temporary file.
func (u *aferoUpload) tempNow() string {
	u.a.mu.Lock()
	defer u.a.mu.Unlock()
	return u.temp
}

func (u *aferoUpload) end() {
	u.done = true
	u.a.mu.Lock()
	delete(u.a.uploads, u)
	u.a.mu.Unlock()
}
