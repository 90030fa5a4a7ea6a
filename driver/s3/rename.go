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
)

// maxCopy is the size of what S3 copies in one request, and copyPart that of the
// parts in which it copies what is larger.
const (
	maxCopy  = 5 << 30
	copyPart = 1 << 30
)

// Rename moves a file, by a copy that the store makes and a removal, or a
// directory, by doing so with everything below it. If a copy fails, everything is
// as it was.
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
	if err := f.copy(ctx, o, f.key(to)); err != nil {
		return err
	}
	// What somebody stored there meanwhile came after the rename.
	if err := f.deleteSame(ctx, o.Key, o.ETag); err != nil && !errors.Is(err, errReplaced) {
		return err
	}
	return f.keep(ctx, path.Dir(from))
}

// copy copies an object with all metadata, unless the object has changed.
func (f *FS) copy(ctx context.Context, o minio.ObjectInfo, key string) error {
	if o.Size == 0 && strings.HasSuffix(key, "/") {
		return f.putDir(ctx, key) // some stores can't copy a directory
	}
	from := minio.CopySrcOptions{Bucket: f.Bucket, Object: o.Key, MatchETag: o.ETag}
	to := minio.CopyDestOptions{Bucket: f.Bucket, Object: key}
	var err error
	if o.Size <= cmp.Or(f.copyLimit, maxCopy) {
		_, err = f.Client.CopyObject(ctx, to, from)
	} else {
		to.PartSize, to.NumThreads = uint64(cmp.Or(f.copyLimit, copyPart)), workers
		_, err = f.Client.ComposeObject(ctx, to, from)
	}
	if minio.ToErrorResponse(err).Code == minio.PreconditionFailed {
		return fmt.Errorf("the file has changed meanwhile: %w", err)
	}
	return meaning(err)
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
	var old, made []string
	for _, o := range objects {
		old = append(old, o.Key)
		made = append(made, f.dirKey(to)+strings.TrimPrefix(o.Key, f.dirKey(from)))
	}
	// A copy that is no longer waited for may be made all the same, later than
	// what removes it.
	waiting := context.WithoutCancel(ctx)
	err := each(ctx, len(objects), func(i int) error { return f.copy(waiting, objects[i], made[i]) })
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
		defer cancel()
		return errors.Join(err, deleteAll(ctx, made, func(i int) error { return f.delete(ctx, made[i]) }))
	}
	err = deleteAll(ctx, old, func(i int) error {
		if strings.HasSuffix(old[i], "/") {
			return f.delete(ctx, old[i])
		}
		err := f.deleteSame(ctx, old[i], objects[i].ETag)
		if errors.Is(err, errReplaced) { // it came after the rename
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return f.keep(ctx, path.Dir(from))
}

// deleteAll removes objects, which are in order of their keys: first the files and
// then the directories, inner ones first, as a store that keeps objects in a file
// system has to have it.
func deleteAll(ctx context.Context, keys []string, remove func(i int) error) error {
	dir := func(key string) bool { return strings.HasSuffix(key, "/") }
	err := each(ctx, len(keys), func(i int) error {
		if dir(keys[i]) {
			return nil
		}
		return remove(i)
	})
	for i, key := range slices.Backward(keys) {
		if dir(key) && err == nil {
			err = remove(i)
		}
	}
	return err
}
