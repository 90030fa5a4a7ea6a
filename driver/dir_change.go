package driver

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// Mkdir creates a directory with DirMode.
func (d *Dir) Mkdir(ctx context.Context, name string) error {
	p, err := begin(ctx, "mkdir", name)
	if err != nil {
		return err
	}
	mode := d.DirMode.Perm()
	if mode == 0 {
		mode = 0o777
	}
	if err := d.root.Mkdir(p, mode); err != nil {
		return fail("mkdir", name, err)
	}
	if d.DirMode == 0 {
		return nil
	}
	// The umask took bits away. A set-group bit comes from the parent and
	// must stay.
	return d.SetMode(ctx, name, mode)
}

// Remove removes a file or a link.
func (d *Dir) Remove(ctx context.Context, name string) error {
	p, err := begin(ctx, "remove", name)
	if err != nil {
		return err
	}
	fi, err := d.root.Lstat(p)
	if err == nil && fi.IsDir() {
		err = ErrIsDir
	}
	if err == nil {
		err = d.root.Remove(p)
	}
	return fail("remove", name, err)
}

// RemoveDir removes an empty directory. One that holds nothing but an upload in
// progress, or the rest of one that a crash left behind, looks empty but isn't:
// see [Dir.Sweep].
func (d *Dir) RemoveDir(ctx context.Context, name string) error {
	p, err := begin(ctx, "rmdir", name)
	if err != nil {
		return err
	}
	if name == "." {
		return fail("rmdir", name, fs.ErrPermission)
	}
	fi, err := d.root.Lstat(p)
	if err == nil && !fi.IsDir() {
		err = ErrNotDir
	}
	if err == nil {
		err = d.root.Remove(p)
	}
	if errors.Is(err, syscall.EEXIST) {
		err = ErrNotEmpty // POSIX allows either error
	}
	return fail("rmdir", name, err)
}

// Rename moves a file, directory or link, across directories of the tree but
// not across file systems: that is errors.ErrUnsupported.
func (d *Dir) Rename(ctx context.Context, from, to string) error {
	f, err := begin(ctx, "rename", from)
	if err != nil {
		return err
	}
	t, err := local("rename", to)
	if err != nil {
		return err
	}
	if err := renames(from, to); err != nil {
		return err
	}
	if from == to {
		_, err := d.root.Lstat(f)
		return fail("rename", from, err)
	}
	if err := d.root.Rename(f, t); err != nil {
		return fail("rename", from, d.renameError(f, t, err))
	}
	return nil
}

// renameError tells a name that is taken from the other reasons why a rename
// fails: systems have several errors for it.
func (d *Dir) renameError(f, t string, err error) error {
	old, e1 := d.root.Lstat(f)
	taken, e2 := d.root.Lstat(t)
	if e1 == nil && e2 == nil && (old.IsDir() || taken.IsDir()) {
		return fs.ErrExist
	}
	return err
}
