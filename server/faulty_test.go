package server_test

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"sync/atomic"

	"github.com/sallyport/sallyport/driver"
)

// faulty is an FS in which one method panics or fails, and which counts what is
// open.
type faulty struct {
	driver.FS
	method string
	fault  func() error // what the method does; it panics or returns an error
	open   *atomic.Int64
}

func (f faulty) hit(method string) error {
	if f.method == method {
		return f.fault()
	}
	return nil
}

func (f faulty) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := f.hit("Stat"); err != nil {
		return nil, err
	}
	info, err := f.FS.Stat(ctx, name)
	return faultyInfo{info, f}, err
}

func (f faulty) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	if err := f.hit("List"); err != nil {
		return func(yield func(fs.FileInfo, error) bool) { yield(nil, err) }
	}
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range f.FS.List(ctx, name) {
			if !yield(faultyInfo{info, f}, err) {
				return
			}
			if err := f.hit("List in the middle"); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func (f faulty) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := f.hit("Open"); err != nil {
		return nil, err
	}
	r, err := f.FS.Open(ctx, name, offset)
	if err == nil {
		f.open.Add(1)
	}
	return faultyFile{r, f}, err
}

func (f faulty) Store(ctx context.Context, name string, how driver.How) (driver.Upload, error) {
	if err := f.hit("Store"); err != nil {
		return nil, err
	}
	u, err := f.FS.Store(ctx, name, how)
	if err != nil {
		return nil, err
	}
	f.open.Add(1)
	return faultyUpload{u, f}, nil
}

func (f faulty) Mkdir(ctx context.Context, name string) error {
	if err := f.hit("Mkdir"); err != nil {
		return err
	}
	return f.FS.Mkdir(ctx, name)
}

func (f faulty) Remove(ctx context.Context, name string) error {
	if err := f.hit("Remove"); err != nil {
		return err
	}
	return f.FS.Remove(ctx, name)
}

func (f faulty) RemoveDir(ctx context.Context, name string) error {
	if err := f.hit("RemoveDir"); err != nil {
		return err
	}
	return f.FS.RemoveDir(ctx, name)
}

func (f faulty) Rename(ctx context.Context, from, to string) error {
	if err := f.hit("Rename"); err != nil {
		return err
	}
	return f.FS.Rename(ctx, from, to)
}

func (f faulty) SetTimes(context.Context, string, driver.Times) error { return f.hit("SetTimes") }
func (f faulty) SetMode(context.Context, string, fs.FileMode) error   { return f.hit("SetMode") }
func (f faulty) SetGroup(context.Context, string, string) error       { return f.hit("SetGroup") }
func (f faulty) Symlink(context.Context, string, string) error        { return f.hit("Symlink") }
func (f faulty) ReadLink(context.Context, string) (string, error)     { return "x", f.hit("ReadLink") }
func (f faulty) Space(context.Context, string) (int64, error)         { return 1, f.hit("Space") }

type faultyInfo struct {
	fs.FileInfo
	f faulty
}

func (i faultyInfo) Size() int64 {
	i.f.hit("Size")
	return i.FileInfo.Size()
}

func (i faultyInfo) Mode() fs.FileMode {
	if i.f.method == "ReadLink" {
		return i.FileInfo.Mode() | fs.ModeSymlink
	}
	return i.FileInfo.Mode()
}

type faultyFile struct {
	io.ReadCloser
	f faulty
}

func (r faultyFile) Read(p []byte) (int, error) {
	if err := r.f.hit("Read"); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

func (r faultyFile) Close() error {
	r.f.open.Add(-1)
	r.f.hit("Close of a file")
	return r.ReadCloser.Close()
}

type faultyUpload struct {
	driver.Upload
	f faulty
}

func (u faultyUpload) Write(p []byte) (int, error) {
	if err := u.f.hit("Write"); err != nil {
		return 0, err
	}
	return u.Upload.Write(p)
}

func (u faultyUpload) Commit() error {
	if err := u.f.hit("Commit"); err != nil {
		return err
	}
	return u.Upload.Commit()
}

func (u faultyUpload) Close(cause error) error {
	u.f.open.Add(-1)
	if err := u.f.hit("Close of an upload"); err != nil {
		return err
	}
	return u.Upload.Close(cause)
}
