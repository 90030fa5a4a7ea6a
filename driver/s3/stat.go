package s3

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// Stat describes a file or directory.
func (f *FS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi, err := f.stat(ctx, name)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	return fi, nil
}

func (f *FS) stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := f.begin(ctx, name); err != nil {
		return nil, err
	}
	if name != "." {
		o, err := f.head(ctx, name)
		if !errors.Is(err, fs.ErrNotExist) {
			return fileInfo(path.Base(name), o), err
		}
	}
	is, err := f.isDir(ctx, name)
	if err == nil && !is {
		err = fs.ErrNotExist
	}
	return dirInfo(path.Base(name)), err
}

// head describes the object of a file.
func (f *FS) head(ctx context.Context, name string) (minio.ObjectInfo, error) {
	return f.headKey(ctx, f.key(name))
}

// headKey describes any object.
func (f *FS) headKey(ctx context.Context, key string) (minio.ObjectInfo, error) {
	o, err := f.Client.StatObject(ctx, f.Bucket, key, minio.StatObjectOptions{})
	return o, meaning(err)
}

// isDir reports whether a directory is there.
func (f *FS) isDir(ctx context.Context, name string) (bool, error) {
	if name == "." {
		return true, ctx.Err()
	}
	some, err := f.below(ctx, name, 1)
	return len(some) > 0, err
}

// below returns the first n objects of a directory at any depth, including the object
// that stands for the directory.
func (f *FS) below(ctx context.Context, name string, n int) ([]minio.ObjectInfo, error) {
	var some []minio.ObjectInfo
	for o := range f.objects(ctx, minio.ListObjectsOptions{
		Prefix: f.dirKey(name), Recursive: true, MaxKeys: min(n, 1000),
	}) {
		if o.Err != nil {
			return nil, meaning(o.Err)
		}
		if some = append(some, o); len(some) == n {
			break
		}
	}
	return some, ctx.Err() // the client ends silently with the context
}

// wantParent returns an error unless the directory of a new name exists.
func (f *FS) wantParent(ctx context.Context, name string) error {
	dir := path.Dir(name)
	is, err := f.isDir(ctx, dir)
	if err != nil || is {
		return err
	}
	if _, err := f.head(ctx, dir); err != nil {
		return err
	}
	return driver.ErrNotDir
}

// wantNoFile returns taken if a file has the name. If taken is nil, it checks
// nothing.
func (f *FS) wantNoFile(ctx context.Context, name string, taken error) error {
	if taken == nil {
		return nil
	}
	return f.wantNoObject(ctx, f.key(name), taken)
}

// wantNoObject returns taken if an object has the key.
func (f *FS) wantNoObject(ctx context.Context, key string, taken error) error {
	switch _, err := f.headKey(ctx, key); {
	case err == nil:
		return taken
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// wantNoDir returns taken if a directory has the name.
func (f *FS) wantNoDir(ctx context.Context, name string, taken error) error {
	is, err := f.isDir(ctx, name)
	if err == nil && is {
		return taken
	}
	return err
}
