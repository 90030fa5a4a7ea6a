package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// Inspection is an upload that [Inspect] shows before it is committed. It may be
// used until accept returns, and by one goroutine at a time.
type Inspection struct {
	// Name is that of the file.
	Name string
	// Options are those of Store: with Append or an Offset the upload adds to a
	// file.
	Options StoreOptions
	// Size is how many bytes the whole file is going to have, and Written how
	// many of them were uploaded: the last ones.
	Size, Written int64

	ctx  context.Context // of Store
	fsys FS
	up   Upload
	open []io.Closer
}

// Open opens the file as it is going to be, from its first byte on. It may be
// called several times; the readers are closed when accept returns, if they were
// not before. A read ends with an error when the client is gone or aborts.
func (i *Inspection) Open() (io.ReadCloser, error) {
	staged, err := OpenStaged(i.up)
	if err != nil {
		return nil, err
	}
	r := &inspectionReader{ctx: i.ctx, Reader: staged, parts: []io.Closer{staged}}
	i.open = append(i.open, r)
	kept := i.Size - i.Written
	if kept == 0 {
		return r, nil
	}
	old, err := i.fsys.Open(i.ctx, i.Name, 0)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.Reader, r.parts = io.MultiReader(&exactly{old, kept}, staged), append(r.parts, old)
	return r, nil
}

// inspectionReader reads a file that is not there yet.
type inspectionReader struct {
	io.Reader
	ctx   context.Context
	parts []io.Closer
}

func (r *inspectionReader) Read(p []byte) (int, error) {
	switch {
	case r.parts == nil:
		return 0, fs.ErrClosed
	case r.ctx.Err() != nil:
		return 0, r.ctx.Err()
	}
	return r.Reader.Read(p)
}

// Close closes the parts, once.
func (r *inspectionReader) Close() error {
	var errs []error
	for _, c := range r.parts {
		errs = append(errs, c.Close())
	}
	r.parts = nil
	return errors.Join(errs...)
}

// exactly reads n bytes, and fails if there are fewer.
type exactly struct {
	r io.Reader
	n int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.n)])
	e.n -= int64(n)
	switch {
	case err == io.EOF && e.n > 0:
		err = ErrChanged
	case err == io.EOF:
		err = nil
	}
	return n, err
}

// inspect asks accept about the upload.
func (u *inspectedUpload) inspect() error {
	if u.within.accept == nil {
		return fs.ErrPermission
	}
	kept, err := u.kept()
	if err != nil {
		return err
	}
	i := &Inspection{
		Name: u.name, Options: u.opts, Size: kept + u.n, Written: u.n,
		ctx: u.ctx, fsys: u.within.FS, up: u.Upload,
	}
	defer func() {
		for _, r := range i.open {
			_ = r.Close()
		}
	}()
	return first(u.within.accept(u.ctx, i), u.ctx.Err())
}

// kept returns how many bytes of the old file will be part of the new one.
func (u *inspectedUpload) kept() (int64, error) {
	if !u.opts.Append {
		return u.opts.Offset, nil
	}
	switch fi, err := u.within.FS.Stat(u.ctx, u.name); {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil // Commit decides whether that is right
	case err != nil:
		return 0, err
	default:
		return fi.Size(), nil
	}
}
