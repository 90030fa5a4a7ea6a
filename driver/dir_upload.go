package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Store begins an upload as Uploads says. The Upload also implements
// [io.ReaderFrom], which lets the system move data from a socket without copying
// it through the process.
//
// An atomic upload to a symbolic link replaces the file that the link leads to,
// as writing in place does.
func (d *Dir) Store(ctx context.Context, name string, opts StoreOptions) (Upload, error) {
	p, err := begin(ctx, "store", name)
	if err != nil {
		return nil, err
	}
	if opts.Append {
		opts.Offset = 0
	}
	var u Upload
	switch {
	case name == ".":
		err = ErrIsDir
	case opts.Offset < 0:
		err = fs.ErrInvalid
	case d.Uploads == InPlace && !opts.Whole:
		u, err = d.storeInPlace(ctx, p, name, opts)
	default:
		u, err = d.storeAtomic(ctx, name, opts)
	}
	if err != nil {
		return nil, d.fail("store", name, err)
	}
	return u, nil
}

// writing is what both kinds of upload share: a file, and the first error,
// after which nothing may be committed.
type writing struct {
	name string
	f    *os.File
	n    int64 // bytes of this upload
	err  error
	done bool
}

func (w *writing) Write(p []byte) (int, error) {
	if w.done || w.err != nil {
		return 0, w.refuse("write")
	}
	n, err := w.f.Write(p)
	return n, w.wrote(int64(n), err)
}

// ReadFrom implements io.ReaderFrom with what the system has for it (splice,
// copy_file_range).
func (w *writing) ReadFrom(r io.Reader) (int64, error) {
	if w.done || w.err != nil {
		return 0, w.refuse("write")
	}
	n, err := w.f.ReadFrom(r)
	return n, w.wrote(n, err)
}

// OpenFile implements FileUpload.
func (w *writing) OpenFile() (*os.File, error) {
	if w.done || w.err != nil {
		return nil, w.refuse("open")
	}
	f, err := reopen(w.f)
	return f, fail("open", w.name, err)
}

// Wrote implements FileUpload.
func (w *writing) Wrote(n int64) { w.n += n }

func (w *writing) wrote(n int64, err error) error {
	w.n += n
	w.err = fail("write", w.name, err)
	return w.err
}

// refuse returns the error of a call that comes too late.
func (w *writing) refuse(op string) error {
	if w.done {
		return fail(op, w.name, fs.ErrClosed)
	}
	return w.err
}

// atomicUpload writes a temporary file. It holds the directory open, so that the file
// gets into the directory where the upload began even if a directory on the way is
// renamed meanwhile. See dir_moved.go.
//
// With Append or an Offset the temporary file holds only the uploaded bytes, at the
// offset where they belong if the old file stays the same: see dir_lock.go.
type atomicUpload struct {
	writing
	d      *Dir
	ctx    context.Context // of Store
	opts   StoreOptions
	sync   bool
	parent *os.Root // the directory, open
	dir    string   // the directory's name when parent was opened
	base   string
	old    fs.FileInfo // the file to be replaced or added to, or nil
	src    *os.File    // old, held open if it is kept, so that no other file gets its number
	looked *lookedAt   // the file that Commit has to find; nil accepts any file
	temp   *tempFile
	at     int64 // where in temp the upload begins
	filled bool  // the hole before at has been filled
}

func (d *Dir) storeAtomic(ctx context.Context, name string, opts StoreOptions) (_ Upload, err error) {
	u := &atomicUpload{writing: writing{name: name}, d: d, ctx: ctx, opts: opts, sync: d.Sync || opts.Whole}
	if err := u.find(name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			u.Close(err)
		}
	}()
	if u.old != nil && opts.Exclusive {
		return nil, fs.ErrExist
	}
	if err := u.keep(); err != nil {
		return nil, err
	}
	return u, u.create()
}

// keep finds out where the upload begins, and opens the file that it is to change.
func (u *atomicUpload) keep() (err error) {
	switch {
	case u.old == nil && u.opts.Offset > 0:
		return ErrOffset
	case u.old == nil || !u.opts.Append && u.opts.Offset == 0:
		return nil
	}
	// Refuse a file now that Commit could not read then.
	u.src, err = u.openOld()
	if errors.Is(err, fs.ErrNotExist) && u.opts.Append {
		u.old = nil // it has been removed since find saw it
		return nil
	}
	if err != nil {
		return err
	}
	if u.at = u.opts.Offset; u.opts.Append {
		u.at = u.old.Size()
		return nil
	}
	if _, _, ok := marked(u.src); ok {
		h, err := u.d.hold(u.ctx, u.parent, u.base, true)
		if err != nil {
			return err
		}
		h.release()
	}
	if u.old, err = u.src.Stat(); err != nil {
		return err
	}
	if u.at > ownSize(u.src, u.old.Size()) {
		return ErrOffset
	}
	return nil
}

// openOld opens the file that the upload is to change. Before a file is described that must
// not change any more it is opened for writing, if it may be: an overlay file system copies
// the file to its upper layer then, which Commit would take for a change.
func (u *atomicUpload) openOld() (f *os.File, err error) {
	if !u.opts.Append {
		if f, err = openRegular(u.parent, u.base, os.O_RDWR, 0); err == nil {
			return f, nil
		}
	}
	return openRegular(u.parent, u.base, os.O_RDONLY, 0)
}

// find opens the directory of name, following a link, and describes the file that has
// the name now.
func (u *atomicUpload) find(name string) error {
	for range 2 {
		// The "." makes the system open the last element as a directory and
		// nothing else: a FIFO would block.
		u.dir, u.base = path.Dir(name), path.Base(name)
		parent, err := u.d.root.OpenRoot(filepath.FromSlash(u.dir + "/."))
		if err != nil {
			return err
		}
		u.parent = parent
		fi, err := parent.Lstat(u.base)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil && fi.Mode()&fs.ModeSymlink == 0:
			u.old = fi
			err = replaceable(fi)
		case err == nil && u.opts.Exclusive:
			err = fs.ErrExist // even if the link leads nowhere, as O_EXCL has it
		case err == nil:
			if name, err = u.d.resolve(name); err == nil {
				parent.Close()
				continue
			}
		}
		if err != nil {
			parent.Close()
		}
		return err
	}
	u.parent.Close()
	return fmt.Errorf("link changed meanwhile: %w", fs.ErrPermission)
}

// replaceable refuses a file that writing in place would refuse: renaming over a file
// needs no permission on the file itself, so a file made read-only would be lost.
func replaceable(fi fs.FileInfo) error {
	if err := regular(fi); err != nil {
		return err
	}
	if fi.Mode().Perm()&0o222 == 0 {
		return fmt.Errorf("read-only file: %w", fs.ErrPermission)
	}
	return nil
}

// create makes the temporary file, which shows no more to others on the machine
// than the file it will replace.
func (u *atomicUpload) create() (err error) {
	mode := u.d.fileMode()
	if u.old != nil {
		mode = u.old.Mode().Perm() | 0o600
	}
	u.temp, err = u.d.newTemp(u.parent, u.dir, mode)
	switch {
	case err != nil:
		return err
	case u.temp.name == "" && u.old != nil:
		return errOnlyAdds
	}
	if u.f = u.temp.f; u.at > 0 {
		_, err = u.f.Seek(u.at, io.SeekStart)
	}
	return err
}

func (d *Dir) fileMode() fs.FileMode {
	if m := d.FileMode.Perm(); m != 0 {
		return m
	}
	return 0o666
}
