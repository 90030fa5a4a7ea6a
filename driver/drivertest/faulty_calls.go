package drivertest

import (
	"context"
	"io"
	"io/fs"

	"github.com/sallyport/sallyport/driver"
)

// faultyReader is a file whose reads go wrong. It hides all other methods of the
// reader.
type faultyReader struct {
	io.ReadCloser
	f   *FaultyFS
	ctx context.Context
	h   *handle
}

func (r *faultyReader) Read(p []byte) (int, error) {
	return r.f.move(r.ctx, "Open.Read", p, r.ReadCloser.Read)
}

func (r *faultyReader) Close() error {
	r.f.release(r.h)
	if err := r.f.hit(r.ctx, "Open.Close"); err != nil {
		return err
	}
	return r.ReadCloser.Close()
}

// faultyUpload is an upload whose calls go wrong.
type faultyUpload struct {
	driver.Upload
	f   *FaultyFS
	ctx context.Context
	h   *handle
}

func (u *faultyUpload) Write(p []byte) (int, error) {
	return u.f.move(u.ctx, "Store.Write", p, u.Upload.Write)
}

// Unwrap returns the wrapped upload, whose abilities are used.
func (u *faultyUpload) Unwrap() driver.Upload { return u.Upload }

func (u *faultyUpload) Commit() error {
	if err := u.f.hit(u.ctx, "Store.Commit"); err != nil {
		return err
	}
	return u.Upload.Commit()
}

func (u *faultyUpload) Close(cause error) error {
	u.f.release(u.h)
	u.f.mu.Lock()
	u.f.cause = cause
	u.f.mu.Unlock()
	if err := u.f.hit(u.ctx, "Store.Close"); err != nil {
		return err
	}
	return u.Upload.Close(cause)
}

// move does a Read or a Write, of which a part may be done before the fault.
func (f *FaultyFS) move(ctx context.Context, method string, p []byte, do func([]byte) (int, error)) (int, error) {
	fault := f.next(method)
	if fault == nil {
		return do(p)
	}
	n := 0
	if fault.Part > 0 && len(p) > 0 {
		var err error
		if n, err = do(p[:min(fault.Part, len(p))]); err != nil {
			return n, err
		}
	}
	if err := fault.Do(ctx); err != nil {
		return n, err
	}
	m, err := do(p[n:])
	return n + m, err
}

// faultyReaderFrom is an upload that takes data from a reader by itself.
type faultyReaderFrom struct {
	*faultyUpload
	from io.ReaderFrom
}

func (u *faultyReaderFrom) ReadFrom(r io.Reader) (int64, error) {
	fault := u.f.next("Store.Write")
	if fault == nil {
		return u.from.ReadFrom(r)
	}
	n, err := u.from.ReadFrom(io.LimitReader(r, int64(fault.Part)))
	if err == nil {
		err = fault.Do(u.ctx)
	}
	if err != nil {
		return n, err
	}
	m, err := u.from.ReadFrom(r)
	return n + m, err
}

// Mkdir creates a directory.
func (f *FaultyFS) Mkdir(ctx context.Context, name string) error {
	if err := f.hit(ctx, "Mkdir"); err != nil {
		return err
	}
	return f.fsys.Mkdir(ctx, name)
}

// Remove removes a file.
func (f *FaultyFS) Remove(ctx context.Context, name string) error {
	if err := f.hit(ctx, "Remove"); err != nil {
		return err
	}
	return f.fsys.Remove(ctx, name)
}

// RemoveDir removes an empty directory.
func (f *FaultyFS) RemoveDir(ctx context.Context, name string) error {
	if err := f.hit(ctx, "RemoveDir"); err != nil {
		return err
	}
	return f.fsys.RemoveDir(ctx, name)
}

// Rename moves a file or directory.
func (f *FaultyFS) Rename(ctx context.Context, from, to string) error {
	if err := f.hit(ctx, "Rename"); err != nil {
		return err
	}
	return f.fsys.Rename(ctx, from, to)
}

// SetTimes sets times if the FS within can.
func (f *FaultyFS) SetTimes(ctx context.Context, name string, t driver.Times) error {
	if err := f.hit(ctx, "SetTimes"); err != nil {
		return err
	}
	return driver.SetTimes(ctx, f.fsys, name, t)
}

// SetMode sets permission bits if the FS within can.
func (f *FaultyFS) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	if err := f.hit(ctx, "SetMode"); err != nil {
		return err
	}
	return driver.SetMode(ctx, f.fsys, name, mode)
}

// SetGroup sets the group if the FS within can.
func (f *FaultyFS) SetGroup(ctx context.Context, name, group string) error {
	if err := f.hit(ctx, "SetGroup"); err != nil {
		return err
	}
	return driver.SetGroup(ctx, f.fsys, name, group)
}

// Symlink makes a link if the FS within can.
func (f *FaultyFS) Symlink(ctx context.Context, target, name string) error {
	if err := f.hit(ctx, "Symlink"); err != nil {
		return err
	}
	return driver.Symlink(ctx, f.fsys, target, name)
}

// ReadLink says where a link leads if the FS within can.
func (f *FaultyFS) ReadLink(ctx context.Context, name string) (string, error) {
	if err := f.hit(ctx, "ReadLink"); err != nil {
		return "", err
	}
	return driver.ReadLink(ctx, f.fsys, name)
}

// Space reports the free space if the FS within knows it.
func (f *FaultyFS) Space(ctx context.Context, name string) (int64, error) {
	if err := f.hit(ctx, "Space"); err != nil {
		return 0, err
	}
	return driver.Space(ctx, f.fsys, name)
}

// Checksum tells a checksum if the FS within can.
func (f *FaultyFS) Checksum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	if err := f.hit(ctx, "Checksum"); err != nil {
		return nil, err
	}
	return driver.Checksum(ctx, f.fsys, name, algorithm, offset, length)
}

// CheckStore tells what would be refused if the FS within can.
func (f *FaultyFS) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	if err := f.hit(ctx, "CheckStore"); err != nil {
		return err
	}
	return driver.CheckStore(ctx, f.fsys, name, opts)
}

// WritesInPlace reports whether the FS within writes in place, or doesn't say.
func (f *FaultyFS) WritesInPlace(name string, opts driver.StoreOptions) bool {
	return driver.WritesInPlace(f.fsys, name, opts)
}

// RawNames reports whether the FS within takes names that are not UTF-8.
func (f *FaultyFS) RawNames(name string) bool { return driver.RawNames(f.fsys, name) }

// CheckOp tells what would be refused if the FS within can. It can't be made to fail,
// because a server takes any error of CheckOp for a refusal.
func (f *FaultyFS) CheckOp(ctx context.Context, op driver.Op, name string) error {
	return driver.CheckOp(ctx, f.fsys, op, name)
}
