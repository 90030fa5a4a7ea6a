package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// inPlaceUpload writes into the file itself. What arrived stays when the upload
// is cut, so that the client can resume from the size it then sees.
//
// With an Offset, the first Write cuts the file off at the offset. If the old end
// stayed, a cut upload or the end of the process would leave a mixture of two
// versions, with a size that tells the client that nothing is missing. If no byte
// arrives, the file stays as it was.
type inPlaceUpload struct {
	writing
	d     *Dir
	path  string
	opts  StoreOptions
	fresh bool // the upload made the file
	ended bool // the old data behind the offset is gone
	held  *heldFile

	// See dir_inplace_seen.go.
	seen   fs.FileInfo // with an offset: the file after what the upload did last
	others bool        // another process may write for the upload, too
}

func (d *Dir) storeInPlace(ctx context.Context, p, name string, opts StoreOptions) (Upload, error) {
	u := &inPlaceUpload{writing: writing{name: name}, d: d, path: p, opts: opts, ended: opts.Offset == 0}
	_, err := d.root.Stat(p)
	u.fresh = errors.Is(err, fs.ErrNotExist)
	if opts.Exclusive && err == nil {
		return nil, fs.ErrExist
	}
	if err := u.open(); err != nil {
		return nil, d.offsetError(p, opts, err)
	}
	if err := u.begin(ctx); err != nil {
		u.f.Close()
		return nil, err
	}
	return u, nil
}

// open opens the file, for reading as well because some locks need that. A file that
// may only be written is opened for writing alone.
func (u *inPlaceUpload) open() (err error) {
	flag := 0
	if u.opts.Offset == 0 {
		flag |= os.O_CREATE
	}
	if u.opts.Exclusive {
		flag |= os.O_EXCL
	}
	if u.opts.Append {
		flag |= os.O_APPEND
	}
	u.f, err = openRegular(u.d.root, u.path, flag|os.O_RDWR, u.d.fileMode())
	if errors.Is(err, fs.ErrPermission) {
		u.f, err = openRegular(u.d.root, u.path, flag|os.O_WRONLY, u.d.fileMode())
	}
	return err
}

// begin locks the file and makes it ready to be written to.
func (u *inPlaceUpload) begin(ctx context.Context) error {
	if _, _, ok := marked(u.f); ok {
		h, err := u.d.hold(ctx, u.d.root, u.path, true)
		h.release()
		if err != nil {
			return err
		}
	}
	if err := u.lock(ctx); err != nil {
		return err
	}
	err := u.ready()
	if err != nil {
		u.held.release()
	}
	return err
}

// lock takes the lock of the file until the end of the upload; uploads that append
// share the lock. It waits for 100 milliseconds at most, enough for an upload that is
// about to end.
func (u *inPlaceUpload) lock(ctx context.Context) error {
	fi, err := u.f.Stat()
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	u.held = &heldFile{f: u.f, key: lockKey(fi, u.d.root, u.path), write: true}
	err = u.held.lock(wait, u.opts.Append)
	if err != nil && ctx.Err() == nil {
		err = ErrBusy
	}
	return err
}

func (u *inPlaceUpload) ready() error {
	if u.fresh && u.d.FileMode != 0 {
		if err := u.f.Chmod(u.d.fileMode()); err != nil {
			return err
		}
	}
	switch {
	case u.opts.Offset > 0:
		if err := seek(u.f, u.opts.Offset); err != nil {
			return err
		}
		return u.see()
	case !u.opts.Append:
		return u.f.Truncate(0)
	}
	return nil
}

// offsetError returns ErrOffset for an offset into a missing file, which counts as
// empty, if the directory exists; else it returns err.
func (d *Dir) offsetError(p string, opts StoreOptions, err error) error {
	if opts.Offset > 0 && errors.Is(err, fs.ErrNotExist) {
		if fi, e := d.root.Stat(filepath.Dir(p)); e == nil && fi.IsDir() {
			return ErrOffset
		}
	}
	return err
}

func (u *inPlaceUpload) Write(p []byte) (int, error) {
	if len(p) > 0 {
		u.end()
	}
	if u.opts.Offset == 0 {
		return u.writing.Write(p)
	}
	u.check()
	n, err := u.writing.Write(p)
	if err == nil {
		err = u.saw()
	}
	return n, err
}

// ReadFrom passes the first piece to Write, which cuts off the old data. If there is
// no first piece, the old data stays.
func (u *inPlaceUpload) ReadFrom(r io.Reader) (int64, error) {
	var first [4096]byte
	n, err := r.Read(first[:])
	if n > 0 {
		if n, err := u.Write(first[:n]); err != nil {
			return int64(n), err
		}
	}
	switch {
	case err == io.EOF:
		return int64(n), nil
	case err != nil:
		return int64(n), u.wrote(0, err)
	}
	if u.opts.Offset > 0 { // each Write looks whether the file is as the last one left it
		m, err := io.Copy(struct{ io.Writer }{u}, struct{ io.Reader }{r})
		return int64(n) + m, err
	}
	m, err := u.writing.ReadFrom(r)
	return int64(n) + m, err
}

// OpenFile implements FileUpload. It removes the old data behind the offset first.
func (u *inPlaceUpload) OpenFile() (*os.File, error) {
	u.end()
	u.others = true
	return u.writing.OpenFile()
}

// end removes the old data behind the offset, once.
func (u *inPlaceUpload) end() {
	if u.ended || u.done || u.err != nil {
		return
	}
	if u.check(); u.err != nil {
		return
	}
	u.ended = true
	err := u.f.Truncate(u.opts.Offset)
	if err == nil {
		err = u.see()
	}
	u.err = u.d.fail("write", u.name, err)
}

// Commit closes the file. The error is ErrChanged if the file has lost its name
// meanwhile, by removal or because another was renamed over it.
func (u *inPlaceUpload) Commit() error {
	if u.done || u.err != nil {
		return u.refuse("commit")
	}
	u.end()
	if u.check(); u.err != nil {
		return u.err
	}
	err := u.settle()
	if err == nil || errors.Is(err, errNotSafe) {
		err = first(err, u.release())
	}
	u.err = u.d.fail("commit", u.name, err)
	return u.err
}

// settle makes the data durable if Sync is set, and the name of a new file as well.
// The error is ErrChanged if the file has no name any more.
func (u *inPlaceUpload) settle() error {
	fi, err := u.f.Stat()
	switch {
	case err != nil:
		return err
	case !linked(fi):
		return ErrChanged
	case !u.d.Sync:
		return nil
	case u.fresh:
		return u.d.durably(u.f.Sync, u.path)
	}
	return u.f.Sync()
}

// Close keeps what arrived.
func (u *inPlaceUpload) Close(error) error {
	if u.done {
		return nil
	}
	return u.d.fail("close", u.name, u.release())
}

func (u *inPlaceUpload) release() error {
	u.done = true
	return u.held.release()
}
