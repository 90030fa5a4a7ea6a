package server_test

import (
	"context"
	"io/fs"
	"iter"

	"github.com/sallyport/sallyport/driver"
)

// described is an FS that describes its files otherwise: drivertest.Faulty
// reaches the methods of an FS, not those of what they return.
type described struct {
	driver.FS
	as func(fs.FileInfo) fs.FileInfo
}

func (d described) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	info, err := d.FS.Stat(ctx, name)
	return d.as(info), err
}

func (d described) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range d.FS.List(ctx, name) {
			if !yield(d.as(info), err) {
				return
			}
		}
	}
}

// link is a file that passes for a symbolic link.
type link struct{ fs.FileInfo }

func asLink(info fs.FileInfo) fs.FileInfo { return link{info} }

func (l link) Mode() fs.FileMode { return l.FileInfo.Mode() | fs.ModeSymlink }

// sizeless is a file that doesn't know its size.
type sizeless struct {
	fs.FileInfo
	fault func(context.Context) error
}

func (s sizeless) Size() int64 {
	_ = s.fault(context.Background())
	return s.FileInfo.Size()
}
