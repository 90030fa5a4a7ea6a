package driver

import (
	"context"
	"io"
	"io/fs"
	"iter"
)

// WithoutWrites makes an FS read-only: whatever would change it is [fs.ErrPermission],
// and no write permission is shown. Links can still be read. The FS has no Unwrap
// method, so no ability of fsys gets around it.
func WithoutWrites(fsys FS) FS { return &withoutWrites{fsys: fsys} }

type withoutWrites struct {
	refusal
	fsys FS
}

func (w *withoutWrites) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi, err := w.fsys.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return masked{fi}, nil
}

func (w *withoutWrites) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return maskedAll(w.fsys.List(ctx, name))
}

// Scan masks each entry as List does.
func (w *withoutWrites) Scan(ctx context.Context, self FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	if self != FS(w) {
		return self.List(ctx, name)
	}
	if nameOnly {
		return Scan(ctx, w.fsys, name, true)
	}
	return maskedAll(Scan(ctx, w.fsys, name, false))
}

// maskedAll hides write permission in a listing.
func maskedAll(entries iter.Seq2[fs.FileInfo, error]) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for fi, err := range entries {
			if err == nil {
				fi = masked{fi}
			}
			if !yield(fi, err) {
				return
			}
		}
	}
}

func (w *withoutWrites) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	return w.fsys.Open(ctx, name, offset)
}

func (w *withoutWrites) ReadLink(ctx context.Context, name string) (string, error) {
	return ReadLink(ctx, w.fsys, name)
}

func (w *withoutWrites) Checksum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	return Checksum(ctx, w.fsys, name, algorithm, offset, length)
}

// WritesInPlace returns false: nothing is written.
func (refusal) WritesInPlace(string, StoreOptions) bool { return false }

func (w *withoutWrites) RawNames(name string) bool { return RawNames(w.fsys, name) }

// Space reports 0, whatever the disk has: nothing can be stored.
func (w *withoutWrites) Space(ctx context.Context, name string) (int64, error) {
	return 0, enter(ctx, "space", name)
}

// refusal implements the methods of an FS that change files: each returns errReadOnly.
type refusal struct{}

func (refusal) refuse(ctx context.Context, op, name string) error {
	return first(enter(ctx, op, name), fail(op, name, errReadOnly))
}

func (r refusal) Store(ctx context.Context, name string, _ StoreOptions) (Upload, error) {
	return nil, r.refuse(ctx, "store", name)
}

func (r refusal) CheckStore(ctx context.Context, name string, _ StoreOptions) error {
	return r.refuse(ctx, "store", name)
}

func (r refusal) Mkdir(ctx context.Context, name string) error {
	return r.refuse(ctx, "mkdir", name)
}

func (r refusal) Remove(ctx context.Context, name string) error {
	return r.refuse(ctx, "remove", name)
}

func (r refusal) RemoveDir(ctx context.Context, name string) error {
	return r.refuse(ctx, "rmdir", name)
}

func (r refusal) Rename(ctx context.Context, from, _ string) error {
	return r.refuse(ctx, "rename", from)
}

// The abilities refuse as well: without these methods a client would read "not
// implemented" where "permission denied" is meant.

func (r refusal) SetTimes(ctx context.Context, name string, _ Times) error {
	return r.refuse(ctx, "set times", name)
}

func (r refusal) SetMode(ctx context.Context, name string, _ fs.FileMode) error {
	return r.refuse(ctx, "set mode", name)
}

func (r refusal) SetGroup(ctx context.Context, name, _ string) error {
	return r.refuse(ctx, "set group", name)
}

func (r refusal) Symlink(ctx context.Context, _, name string) error {
	return r.refuse(ctx, "symlink", name)
}
