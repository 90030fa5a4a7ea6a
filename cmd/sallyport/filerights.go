package main

import (
	"context"
	"io/fs"
	"path"

	"github.com/sallyport/sallyport/driver"
)

// fileRights say what a user may do with the files that the user has.
type fileRights struct {
	ReadOnly  bool
	Hidden    patterns // can neither be seen nor used
	NoReplace bool     // files that are there are neither replaced nor added to
	WorldOnly bool     // only files that everybody on the host may read can be fetched
	Fetchable patterns // the only names that can be fetched; none for all
	Storable  patterns // the only names that can be stored; none for all
}

// fileRights returns what an account may do with its files.
func (a *account) fileRights() fileRights {
	return fileRights{a.ReadOnly, a.Hidden, a.NoReplace, a.WorldOnly, a.Fetchable, a.Storable}
}

// applyTo returns files as far as a user with the rights may use them.
func (r fileRights) applyTo(files driver.FS) driver.FS {
	if len(r.Hidden)+len(r.Fetchable)+len(r.Storable) > 0 || r.NoReplace || r.WorldOnly {
		within := files
		files = driver.Restrict(within, func(ctx context.Context, op driver.Op, name string) error {
			return r.allow(ctx, within, op, name)
		})
	}
	if r.ReadOnly {
		files = driver.WithoutWrites(files)
	}
	return files
}

// allow returns why a name can't be used in some way; nil if it can.
func (r *fileRights) allow(ctx context.Context, files driver.FS, op driver.Op, name string) error {
	if r.Hidden.match(name) {
		return fs.ErrNotExist
	}
	only := func(ps patterns) error {
		if len(ps) > 0 && !ps.match(path.Base(name)) {
			return fs.ErrPermission
		}
		return nil
	}
	switch op {
	case driver.OpReplace:
		if r.NoReplace {
			return fs.ErrPermission
		}
	case driver.OpStore, driver.OpRenameTo:
		return only(r.Storable)
	case driver.OpRead:
		if err := only(r.Fetchable); err != nil || !r.WorldOnly {
			return err
		}
		return worldReadable(ctx, files, name)
	}
	return nil
}

// worldReadable returns an error unless everybody on the host may read a file.
func worldReadable(ctx context.Context, files driver.FS, name string) error {
	info, err := files.Stat(ctx, name)
	if err == nil && !info.IsDir() && info.Mode()&0o004 == 0 {
		err = fs.ErrPermission
	}
	return err
}
