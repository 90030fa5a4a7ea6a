package drivertest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// objects are the promises of an object store.
var objects = Options{NoOffset: true, NoDirRename: true}

// store is an FS that keeps exactly the promises of objects.
type store struct{ driver.FS }

func (s store) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if fi, err := s.FS.Stat(ctx, name); (opts.Append && err == nil && !fi.IsDir()) || opts.Offset != 0 {
		return nil, errors.ErrUnsupported
	}
	return s.FS.Store(ctx, name, opts)
}

func (s store) Rename(ctx context.Context, from, to string) error {
	if fi, err := s.FS.Stat(ctx, from); err == nil && fi.IsDir() && from != "." {
		return fmt.Errorf("moving a directory: %w", errors.ErrUnsupported)
	}
	return s.FS.Rename(ctx, from, to)
}

func TestObjectStorePasses(t *testing.T) {
	open := func() driver.FS { return store{driver.Mem()} }
	assert.Empty(t, failures(t, objects, open))
	whole := failures(t, Options{}, open)
	for _, name := range []string{"append", "offset", "big-append", "rename-directory", "cut-replace"} {
		assert.Contains(t, whole, name, "without the options nothing is excused")
	}
}

func TestBrokenObjectStoresFail(t *testing.T) {
	tests := []struct {
		broken string
		want   string
		fsys   func(driver.FS) driver.FS
	}{
		{"stores at an offset after all", "no-offset", func(f driver.FS) driver.FS { return f }},
		{"moves directories after all", "no-directory-rename", func(f driver.FS) driver.FS { return f }},
		{"replaces the file instead", "no-offset", func(f driver.FS) driver.FS { return noAppend{f} }},
		{"refuses when all was sent", "no-offset", func(f driver.FS) driver.FS { return late{f} }},
		{"refuses for another reason", "no-offset", func(f driver.FS) driver.FS { return opaqueStore{store{f}} }},
		{"refuses, having emptied the file", "no-offset", func(f driver.FS) driver.FS { return empties{store{f}} }},
		{"moves the files of a directory first", "no-directory-rename", func(f driver.FS) driver.FS { return halfway{store{f}} }},
	}
	for _, tt := range tests {
		t.Run(tt.broken, func(t *testing.T) {
			failed := failures(t, objects, func() driver.FS { return tt.fsys(driver.Mem()) }, tt.want)
			require.Contains(t, failed, tt.want)
		})
	}
}

type late struct{ driver.FS }

func (f late) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if !opts.Append && opts.Offset == 0 {
		return f.FS.Store(ctx, name, opts)
	}
	return wrapUpload(f.FS, ctx, name, driver.StoreOptions{}, func(u driver.Upload) driver.Upload { return lateUpload{u} })
}

type lateUpload struct{ driver.Upload }

func (lateUpload) Commit() error { return errors.ErrUnsupported }

type opaqueStore struct{ driver.FS }

func (f opaqueStore) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := f.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, errors.New("can't")
	}
	return u, nil
}

type empties struct{ driver.FS }

func (f empties) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := f.FS.Store(ctx, name, opts)
	if errors.Is(err, errors.ErrUnsupported) {
		if u, err := f.FS.Store(ctx, name, driver.StoreOptions{}); err == nil {
			_ = u.Commit()
		}
	}
	return u, err
}

type halfway struct{ driver.FS }

func (f halfway) Rename(ctx context.Context, from, to string) error {
	err := f.FS.Rename(ctx, from, to)
	if errors.Is(err, errors.ErrUnsupported) && f.Mkdir(ctx, to) == nil {
		_ = f.FS.Rename(ctx, from+"/a", to+"/a")
	}
	return err
}
