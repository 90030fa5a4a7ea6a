package s3

import (
	"context"
	"io/fs"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// objects lists objects. A page of up to 1000 is in memory at a time.
func (f *FS) objects(ctx context.Context, o minio.ListObjectsOptions) iter.Seq[minio.ObjectInfo] {
	o.FetchOwner = new(bool)
	return f.Client.ListObjectsIter(ctx, f.Bucket, o)
}

// List yields the entries as they were when their page was read; of each page it
// yields the files first.
func (f *FS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		if err := f.list(ctx, name, yield); err != nil {
			yield(nil, fail("list", name, err))
		}
	}
}

func (f *FS) list(ctx context.Context, name string, yield func(fs.FileInfo, error) bool) error {
	if err := f.begin(ctx, name); err != nil {
		return err
	}
	prefix, exists := f.dirKey(name), name == "."
	for o := range f.objects(ctx, minio.ListObjectsOptions{Prefix: prefix}) {
		if o.Err != nil {
			return meaning(o.Err)
		}
		exists = true
		if fi, ok := entry(strings.TrimPrefix(o.Key, prefix), o); ok && !yield(fi, nil) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if exists || ctx.Err() != nil { // the client ends silently with the context
		return ctx.Err()
	}
	if _, err := f.head(ctx, name); err != nil {
		return err
	}
	return driver.ErrNotDir
}

// entry describes a key, which is relative to the directory. It reports false for
// the object that stands for the directory itself, and for keys with elements that
// are no names.
func entry(key string, o minio.ObjectInfo) (info, bool) {
	base, dir := strings.CutSuffix(key, "/")
	if base == "." || !fs.ValidPath(base) {
		return info{}, false
	}
	if dir {
		return dirInfo(base), true
	}
	return fileInfo(base, o), true
}
