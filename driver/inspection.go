package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Inspection is an upload that [Inspect] shows before it is committed. It may be
// used until accept returns, and by one goroutine at a time.
type Inspection struct {
	// Name is the name of the file when the upload began. The directory may have another
	// name by now.
	Name string
	// Options are the options of Store: with Append or an Offset the upload adds to a file.
	Options StoreOptions
	// Size is how many bytes the whole file is going to have, and Written how
	// many of them were uploaded: the last ones.
	Size, Written int64

	ctx  context.Context // of Store
	kept KeptReader
	up   Upload
	open []io.Closer
}

// Open opens the file as it is going to be, from the first byte on. It may be called
// several times; readers that are still open are closed when accept returns. A read
// ends with an error when the client is gone or aborts.
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
	old, err := i.kept.OpenKept()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.Reader, r.parts = io.MultiReader(&exactly{old, kept}, staged), append(r.parts, old)
	return r, nil
}

// OpenFile opens the file as it is going to be, for reading only, if the upload is already
// in a file of the system: in a [Dir] on Linux, unless the upload adds to a file. A process
// without rights to the file can read it through the descriptor. Elsewhere the error is
// errors.ErrUnsupported, and Open reads the file all the same. The caller closes the file.
func (i *Inspection) OpenFile() (*os.File, error) {
	u := i.up
	for i.Size == i.Written {
		if f, ok := u.(stagedFile); ok {
			return f.openStagedFile()
		}
		w, ok := u.(interface{ Unwrap() Upload })
		if !ok {
			break
		}
		u = w.Unwrap()
	}
	return nil, unsupported("opening an upload as a file of the system before it is committed")
}

// stagedFile is an upload in a file of the system that holds the uploaded bytes and no
// others.
type stagedFile interface {
	openStagedFile() (*os.File, error)
}

// inspectionReader reads the file that Commit is going to make, until the context of Store
// ends.
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

// exactly reads n bytes, and fails with ErrChanged if there are fewer.
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

// inspect describes the upload to accept and returns the error of accept.
func (u *inspectedUpload) inspect() error {
	if u.within.accept == nil {
		return fs.ErrPermission
	}
	i := &Inspection{
		Name: u.name, Options: u.opts, Size: u.n, Written: u.n,
		ctx: u.ctx, kept: u.keptReader(), up: u.Upload,
	}
	if u.opts.adds() {
		kept, err := i.kept.Keep()
		if err != nil {
			return err
		}
		i.Size += kept
	}
	if err := first(u.ask(i), u.ctx.Err()); err != nil {
		return err
	}
	if k, ok := i.kept.(*keptByName); ok && u.opts.adds() {
		return k.same()
	}
	return nil
}

// ask calls accept, and closes the readers that accept leaves open.
func (u *inspectedUpload) ask(i *Inspection) error {
	defer func() {
		for _, r := range i.open {
			_ = r.Close()
		}
	}()
	return u.within.accept(u.ctx, i)
}
