package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// reports is an FS: the text of each report by its name. The directories are
// those that the names imply.
type reports struct {
	texts map[string]string
	made  time.Time
}

var errFinal = fmt.Errorf("reports are final: %w", fs.ErrPermission)

func (r reports) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	switch text, ok := r.texts[name]; {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !fs.ValidPath(name):
		return nil, fs.ErrInvalid
	case ok:
		return info{path.Base(name), int64(len(text)), 0o444, r.made}, nil
	}
	for other := range r.texts {
		if name == "." || strings.HasPrefix(other, name+"/") {
			return info{path.Base(name), 0, fs.ModeDir | 0o555, r.made}, nil
		}
	}
	return nil, fs.ErrNotExist
}

func (r reports) List(ctx context.Context, dir string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		if fi, err := r.Stat(ctx, dir); err != nil {
			yield(nil, err)
			return
		} else if !fi.IsDir() {
			yield(nil, driver.ErrNotDir)
			return
		}
		seen := map[string]bool{}
		for name := range r.texts {
			rest, below := strings.CutPrefix(name, strings.TrimPrefix(dir+"/", "./"))
			entry, _, _ := strings.Cut(rest, "/")
			if !below || seen[entry] {
				continue
			}
			seen[entry] = true
			if fi, err := r.Stat(ctx, path.Join(dir, entry)); !yield(fi, err) || err != nil {
				return
			}
		}
	}
}

func (r reports) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	switch fi, err := r.Stat(ctx, name); {
	case err != nil:
		return nil, err
	case fi.IsDir():
		return nil, driver.ErrIsDir
	case offset < 0:
		return nil, fs.ErrInvalid
	case offset > fi.Size():
		return nil, driver.ErrOffset
	}
	return io.NopCloser(strings.NewReader(r.texts[name][offset:])), nil
}

func (reports) Store(context.Context, string, driver.StoreOptions) (driver.Upload, error) {
	return nil, errFinal
}
func (reports) Mkdir(context.Context, string) error          { return errFinal }
func (reports) Remove(context.Context, string) error         { return errFinal }
func (reports) RemoveDir(context.Context, string) error      { return errFinal }
func (reports) Rename(context.Context, string, string) error { return errFinal }

// info describes a report or a directory.
type info struct {
	name string
	size int64
	mode fs.FileMode
	made time.Time
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.made }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
