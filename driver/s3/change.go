package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// Mkdir creates a directory.
func (f *FS) Mkdir(ctx context.Context, name string) error {
	return fail("mkdir", name, f.mkdir(ctx, name))
}

func (f *FS) mkdir(ctx context.Context, name string) error {
	if err := f.begin(ctx, name); err != nil {
		return err
	}
	if name == "." {
		return fs.ErrExist
	}
	err := together(
		func() error { return f.wantParent(ctx, name) },
		func() error { return f.wantNoDir(ctx, name, fs.ErrExist) },
		func() error { return f.wantNoFile(ctx, name, fs.ErrExist) })
	if err != nil {
		return err
	}
	return f.putDir(ctx, f.dirKey(name))
}

// putDir puts the object that stands for a directory.
func (f *FS) putDir(ctx context.Context, key string) error {
	return f.put(ctx, key, nil, minio.PutObjectOptions{ContentType: "application/x-directory"})
}

// put puts an object in one request.
func (f *FS) put(ctx context.Context, key string, data []byte, o minio.PutObjectOptions) error {
	_, err := f.core().PutObject(ctx, f.Bucket, key, bytes.NewReader(data), int64(len(data)), "", "", o)
	return meaning(err)
}

// Remove removes a file.
func (f *FS) Remove(ctx context.Context, name string) error {
	return fail("remove", name, f.remove(ctx, name, nil))
}

// RemoveSame removes a file if it is still the one that info, from Stat or List,
// describes: neither its ETag nor its time is another.
func (f *FS) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	return fail("remove", name, f.remove(ctx, name, info))
}

func (f *FS) remove(ctx context.Context, name string, same fs.FileInfo) error {
	if err := f.begin(ctx, name); err != nil {
		return err
	}
	if name == "." {
		return driver.ErrIsDir
	}
	// Look first: the store reports no error for the removal of an object that is
	// not there.
	o, err := f.head(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cmp.Or(f.wantNoDir(ctx, name, driver.ErrIsDir), err)
	case err != nil:
		return err
	case same == nil:
		err = f.delete(ctx, o.Key)
	case !fileInfo(path.Base(name), o).describedBy(same):
		err = driver.ErrChanged
	default:
		err = f.deleteSeen(ctx, o.Key, o.ETag)
	}
	if err != nil {
		return err
	}
	return f.keep(ctx, path.Dir(name))
}

func (f *FS) delete(ctx context.Context, key string) error {
	return meaning(f.Client.RemoveObject(ctx, f.Bucket, key, minio.RemoveObjectOptions{}))
}

// keep puts an object for a directory that was implied only by an object that is
// now gone.
func (f *FS) keep(ctx context.Context, dir string) error {
	is, err := f.isDir(ctx, dir)
	if err == nil && !is {
		err = f.putDir(ctx, f.dirKey(dir))
	}
	return err
}

// RemoveDir removes an empty directory.
func (f *FS) RemoveDir(ctx context.Context, name string) error {
	return fail("rmdir", name, f.removeDir(ctx, name))
}

func (f *FS) removeDir(ctx context.Context, name string) error {
	if err := f.begin(ctx, name); err != nil {
		return err
	}
	if name == "." {
		return fs.ErrPermission
	}
	some, err := f.below(ctx, name, 2)
	switch {
	case err != nil:
		return err
	case len(some) == 0:
		return cmp.Or(f.wantNoFile(ctx, name, driver.ErrNotDir), error(fs.ErrNotExist))
	case len(some) > 1 || some[0].Key != f.dirKey(name):
		return driver.ErrNotEmpty
	}
	if err := f.delete(ctx, f.dirKey(name)); err != nil {
		return err
	}
	return f.keep(ctx, path.Dir(name))
}
