package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// ReadOnly serves an [fs.FS], such as an embed.FS or a zip archive. Whatever would
// change it is [fs.ErrPermission], and no write permission is shown. Only regular
// files are opened. The FS is as safe for concurrent use, and as well contained,
// as fsys is: [os.DirFS] follows links that lead out of it, [Dir] doesn't.
//
// An offset costs reading up to it unless the files of fsys are io.Seekers, as
// files of package embed are and files in compressed archives are not.
func ReadOnly(fsys fs.FS) FS { return &readOnly{fsys: fsys} }

type readOnly struct {
	refusal
	fsys fs.FS
}

func (r *readOnly) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := r.enter(ctx, "stat", name); err != nil {
		return nil, err
	}
	fi, err := fs.Stat(r.fsys, name)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	return masked{fi}, nil
}

func (r *readOnly) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		err := r.enter(ctx, "list", name)
		if err == nil {
			err = r.list(ctx, name, func(fi fs.FileInfo) bool { return yield(masked{fi}, nil) })
		}
		if err != nil {
			yield(nil, fail("list", name, err))
		}
	}
}

func (r *readOnly) list(ctx context.Context, name string, yield func(fs.FileInfo) bool) error {
	if fi, err := fs.Stat(r.fsys, name); err != nil {
		return err
	} else if !fi.IsDir() {
		return ErrNotDir
	}
	f, err := r.fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	read := func() ([]fs.DirEntry, error) { // for a file that can't read in batches
		entries, err := fs.ReadDir(r.fsys, name)
		return entries, first(err, io.EOF)
	}
	if d, ok := f.(fs.ReadDirFile); ok {
		read = func() ([]fs.DirEntry, error) { return d.ReadDir(listBatch) }
	}
	for {
		entries, err := read()
		for _, e := range entries {
			fi, err := e.Info()
			if err != nil {
				continue // vanished meanwhile, or can't be described: no reason to hide the others
			}
			if !yield(fi) {
				return nil
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

func (r *readOnly) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := r.enter(ctx, "open", name); err != nil {
		return nil, err
	}
	fi, err := fs.Stat(r.fsys, name)
	if err == nil {
		err = regular(fi)
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	f, err := r.fsys.Open(name)
	if err != nil {
		return nil, fail("open", name, err)
	}
	if err := skipOrClose(ctx, f, offset, fi.Size()); err != nil {
		return nil, fail("open", name, err)
	}
	return f, nil
}

// skipOrClose goes to an offset in a file and closes the file on an error or a
// panic.
func skipOrClose(ctx context.Context, f io.ReadCloser, offset, size int64) (err error) {
	there := false
	defer func() {
		if !there {
			f.Close()
		}
	}()
	err = skip(ctx, f, offset, size)
	there = err == nil
	return err
}

// skip goes to an offset in a file that may be unable to seek.
func skip(ctx context.Context, f io.Reader, offset, size int64) error {
	switch {
	case offset < 0:
		return fs.ErrInvalid
	case offset > size:
		return ErrOffset
	case offset == 0:
		return nil
	}
	if s, ok := f.(io.Seeker); ok {
		if _, err := s.Seek(offset, io.SeekStart); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	for offset > 0 {
		n, err := io.CopyN(io.Discard, f, min(offset, 1<<20))
		offset -= n
		switch {
		case err == io.EOF:
			return ErrOffset
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return nil
}

// ReadLink says where a link leads if the fs.FS can tell (fs.ReadLinkFS).
func (r *readOnly) ReadLink(ctx context.Context, name string) (string, error) {
	if err := r.enter(ctx, "readlink", name); err != nil {
		return "", err
	}
	l, ok := r.fsys.(fs.ReadLinkFS)
	if !ok {
		return "", unsupported("reading links")
	}
	target, err := l.ReadLink(name)
	if err == nil {
		err = within(name, target)
	}
	if err != nil {
		return "", fail("readlink", name, err)
	}
	return target, nil
}

// enter makes the checks that every method begins with. Names must obey
// fs.ValidPath, as package fs demands.
func (r *readOnly) enter(ctx context.Context, op, name string) error {
	if !fs.ValidPath(name) {
		return fail(op, name, fs.ErrInvalid)
	}
	return ctx.Err()
}

// enter makes the checks that every method of an FS without reserved names begins
// with.
func enter(ctx context.Context, op, name string) error {
	if err := valid(op, name); err != nil {
		return err
	}
	return ctx.Err()
}

// masked hides write permission.
type masked struct{ fs.FileInfo }

func (m masked) Mode() fs.FileMode { return m.FileInfo.Mode() &^ 0o222 }
func (m masked) Owner() string     { return ownerOf(m.FileInfo) }
func (m masked) Group() string     { return groupOf(m.FileInfo) }
func (m masked) ID() string        { return idOf(m.FileInfo) }

// ownerOf, groupOf and idOf return what a FileInfo tells, empty if it can't tell.
func ownerOf(fi fs.FileInfo) string {
	if o, ok := fi.(FileOwner); ok {
		return o.Owner()
	}
	return ""
}

func groupOf(fi fs.FileInfo) string {
	if o, ok := fi.(FileOwner); ok {
		return o.Group()
	}
	return ""
}

func idOf(fi fs.FileInfo) string {
	if i, ok := fi.(FileID); ok {
		return i.ID()
	}
	return ""
}

var errReadOnly = fmt.Errorf("read-only: %w", fs.ErrPermission)
