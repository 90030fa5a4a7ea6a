package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// maxCopy is the size up to which S3 copies an object in one request, and copyPart the size
// of the parts in which larger objects are copied.
const (
	maxCopy  = 5 << 30
	copyPart = 1 << 30
)

// Rename moves a file, by a copy that the store makes and a removal, or a directory, by
// copying and removing everything below it. If a copy fails, everything is as it was.
func (f *FS) Rename(ctx context.Context, from, to string) error {
	return fail("rename", from, f.rename(ctx, from, to))
}

func (f *FS) rename(ctx context.Context, from, to string) error {
	if err := errors.Join(f.begin(ctx, from), f.begin(ctx, to)); err != nil {
		return err
	}
	if from == "." || to == "." {
		return fs.ErrPermission
	}
	o, err := f.head(ctx, from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.renameDir(ctx, from, to)
	case err != nil || from == to:
		return err
	}
	err = together(
		func() error { return f.wantParent(ctx, to) },
		func() error { return f.wantNoDir(ctx, to, fs.ErrExist) })
	if err != nil {
		return err
	}
	if _, err := f.copyObject(ctx, o, f.key(to)); err != nil {
		return err
	}
	if err := f.deleteOwn(ctx, o.Key, o.ETag); err != nil {
		return err
	}
	return f.keep(ctx, path.Dir(from))
}

// deleteOwn removes an object that Rename has read or made. An object that somebody stored
// in its place stays.
func (f *FS) deleteOwn(ctx context.Context, key, etag string) error {
	if isDirKey(key) {
		return f.delete(ctx, key) // all objects of directories are alike
	}
	err := f.deleteSame(ctx, key, etag)
	if errors.Is(err, driver.ErrChanged) {
		return nil
	}
	return err
}

func isDirKey(key string) bool { return strings.HasSuffix(key, "/") }

// copyObject copies an object with all metadata, unless the object has changed, and returns
// the ETag of the copy. If the store doesn't tell that ETag, copyObject returns the ETag of
// the object, which is most likely the same. The copy may have been made even when there is
// an error.
func (f *FS) copyObject(ctx context.Context, o minio.ObjectInfo, key string) (etag string, err error) {
	if o.Size == 0 && isDirKey(key) {
		return o.ETag, f.putDir(ctx, key) // some stores can't copy a directory
	}
	from := minio.CopySrcOptions{Bucket: f.Bucket, Object: o.Key, MatchETag: o.ETag}
	to := minio.CopyDestOptions{Bucket: f.Bucket, Object: key}
	var made minio.UploadInfo
	if o.Size <= cmp.Or(f.copyLimit, maxCopy) {
		made, err = f.Client.CopyObject(ctx, to, from)
	} else {
		to.PartSize, to.NumThreads = uint64(cmp.Or(f.copyLimit, copyPart)), workers
		made, err = f.Client.ComposeObject(ctx, to, from)
	}
	if minio.ToErrorResponse(err).Code == minio.PreconditionFailed {
		return "", fmt.Errorf("%w: %w", driver.ErrChanged, err)
	}
	return cmp.Or(made.ETag, o.ETag), meaning(err)
}

func (f *FS) renameDir(ctx context.Context, from, to string) error {
	limit := cmp.Or(f.MaxRename, defaultMaxRename)
	objects, err := f.below(ctx, from, max(limit, 0)+1)
	switch {
	case err != nil:
		return err
	case len(objects) == 0:
		return fs.ErrNotExist
	case from == to:
		return nil
	case strings.HasPrefix(to, from+"/"):
		return fmt.Errorf("into itself: %w", fs.ErrInvalid)
	}
	err = together(
		func() error { return f.wantParent(ctx, to) },
		func() error { return f.wantNoDir(ctx, to, fs.ErrExist) },
		func() error { return f.wantNoFile(ctx, to, fs.ErrExist) })
	if err != nil {
		return err
	}
	if len(objects) > limit {
		return tooMany(limit)
	}
	return f.move(ctx, objects, from, to)
}

func tooMany(limit int) error {
	if limit < 1 {
		return unsupported("Object storage cannot rename a directory.")
	}
	return unsupported(fmt.Sprintf("Object storage cannot rename a directory with more than %d files in it.", limit))
}

// move copies all objects of a directory and then removes them.
func (f *FS) move(ctx context.Context, objects []minio.ObjectInfo, from, to string) error {
	copies := make([]minio.ObjectInfo, len(objects)) // the copies that were begun
	// Wait for each copy even after ctx has ended: the store might make a copy that nobody
	// waits for after the request that removes it.
	waiting := context.WithoutCancel(ctx)
	err := each(ctx, len(objects), func(i int) (err error) {
		key := f.dirKey(to) + strings.TrimPrefix(objects[i].Key, f.dirKey(from))
		// Look whether another has stored a file in the new directory, which others see
		// since the first copy. A file that comes between this look and the copy is
		// replaced: stores don't agree on a condition for the target of a copy.
		if err := f.wantNoObject(waiting, key, fs.ErrExist); err != nil {
			return err
		}
		copies[i].Key = key
		copies[i].ETag, err = f.copyObject(waiting, objects[i], key)
		return err
	})
	if err != nil {
		ctx, cancel := context.WithTimeout(waiting, cleanTime)
		defer cancel()
		return errors.Join(err, f.deleteAll(ctx, copies))
	}
	if err := f.deleteAll(ctx, objects); err != nil {
		return err
	}
	return f.keep(ctx, path.Dir(from))
}

// deleteAll removes objects, which are in order of their keys: first the files and then the
// directories, inner ones first, as needed by stores that keep objects in a file system. It
// skips entries without a key.
func (f *FS) deleteAll(ctx context.Context, objects []minio.ObjectInfo) error {
	err := each(ctx, len(objects), func(i int) error {
		if o := objects[i]; o.Key != "" && !isDirKey(o.Key) {
			return f.deleteOwn(ctx, o.Key, o.ETag)
		}
		return nil
	})
	for _, o := range slices.Backward(objects) {
		if isDirKey(o.Key) && err == nil {
			err = f.deleteOwn(ctx, o.Key, o.ETag)
		}
	}
	return err
}
