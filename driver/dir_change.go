package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
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
	if err := d.durably(func() error { return d.root.Mkdir(p, mode) }, p); err != nil {
		return d.fail("mkdir", name, err)
	}
	if d.DirMode == 0 {
		return nil
	}
	// Set the bits that the umask took away. SetMode keeps a set-group bit, which comes from
	// the parent.
	return d.SetMode(ctx, name, mode)
}

// Remove removes a file or a link.
func (d *Dir) Remove(ctx context.Context, name string) error {
	p, err := begin(ctx, "remove", name)
	if err != nil {
		return err
	}
	return d.fail("remove", name, d.remove(ctx, p, nil))
}

// RemoveSame removes a file if it is still the one that was described. While the file is
// being written in place the error is ErrBusy.
func (d *Dir) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	p, err := begin(ctx, "remove", name)
	if err != nil {
		return err
	}
	return d.fail("remove", name, d.remove(ctx, p, info))
}

func (d *Dir) remove(ctx context.Context, p string, same fs.FileInfo) error {
	held, err := d.holdNames(ctx, p)
	if err != nil {
		return err
	}
	defer releaseAll(held)
	fi, err := d.info(func() (fs.FileInfo, error) { return d.root.Lstat(p) })
	switch {
	case err != nil:
		return err
	case fi.IsDir():
		return ErrIsDir
	case same != nil && !sameFile(same, fi):
		return ErrChanged
	case same != nil && fi.Mode().IsRegular() && len(held) == 0:
		return ErrBusy // the file is being written, and may change at any moment
	}
	return unlessMounted(d.durably(func() error { return d.root.Remove(p) }, p), d.root, p)
}

// RemoveDir removes an empty directory, and with it files that a crash left behind there.
// While an upload into the directory is in progress the error is ErrNotEmpty with the code
// 450.
func (d *Dir) RemoveDir(ctx context.Context, name string) error {
	p, err := begin(ctx, "rmdir", name)
	if err != nil {
		return err
	}
	if name == "." {
		return d.fail("rmdir", name, fs.ErrPermission)
	}
	fi, err := d.root.Lstat(p)
	if err == nil && !fi.IsDir() {
		err = ErrNotDir
	}
	if err == nil {
		err = d.removeDir(ctx, p)
	}
	return d.fail("rmdir", name, err)
}

// removeDir removes a directory, after removing temporary files in it that no upload uses.
func (d *Dir) removeDir(ctx context.Context, p string) error {
	remove := func() error { return d.root.Remove(p) }
	err := d.durably(remove, p)
	if !notEmpty(err) {
		return err
	}
	s := sweep{d: d, before: time.Now().Add(-staleAge)}
	visible, e := s.dir(ctx, p)
	switch {
	case e != nil || visible > 0:
		return ErrNotEmpty
	case s.busy > 0:
		return errUploading
	}
	if err = d.durably(remove, p); notEmpty(err) {
		return ErrNotEmpty
	}
	return err
}

// notEmpty reports whether an error says that a directory has entries. POSIX allows two
// errors for that.
func notEmpty(err error) bool {
	return err != nil && (errors.Is(err, syscall.EEXIST) || errors.Is(fail("", "", err), ErrNotEmpty))
}

// Rename moves a file, directory or link, across directories of the tree. Across file
// systems the error is [errors.ErrUnsupported].
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
		return d.fail("rename", from, err)
	}
	for range renameTries {
		if err = d.tryRename(ctx, f, t); !errors.Is(err, errAppeared) {
			break
		}
	}
	return d.fail("rename", from, err)
}

const renameTries = 10

// errAppeared is returned by tryRename if a file got the new name before it was locked.
var errAppeared = fmt.Errorf("a file of that name was stored meanwhile: %w", ErrBusy)

func (d *Dir) tryRename(ctx context.Context, f, t string) error {
	held, err := d.holdNames(ctx, f, t)
	if err != nil {
		return err
	}
	defer releaseAll(held)
	return d.durably(func() error { return d.move(f, t, held) }, f, t)
}

// move renames f to t, if t is free, or the file that has the name t is among those held, or
// t is no regular file.
func (d *Dir) move(f, t string, held []*heldFile) error {
	if d.Uploads == Atomic && !d.holds(held, t) {
		err := renameToFree(d.root, f, t)
		if err == nil {
			return nil
		}
		if fi, e := d.root.Lstat(t); errors.Is(err, fs.ErrExist) && e == nil && fi.Mode().IsRegular() {
			return errAppeared
		}
	}
	if d.leadsTo(f, t) {
		return fs.ErrExist
	}
	if err := d.root.Rename(f, t); err != nil {
		return d.renameError(f, t, unlessMounted(err, d.root, f, t))
	}
	return nil
}

// leadsTo reports whether f is a symbolic link to t. Renamed to t, the link would lead to
// itself, and the file would be gone.
func (d *Dir) leadsTo(f, t string) bool {
	link, err := d.root.Lstat(f)
	if err != nil || link.Mode()&fs.ModeSymlink == 0 {
		return false
	}
	file, e1 := d.root.Stat(f)
	target, e2 := d.root.Lstat(t)
	return e1 == nil && e2 == nil && os.SameFile(file, target)
}

// renameError returns fs.ErrExist if a rename failed because the new name is taken, for
// which systems have several errors; else it returns err.
func (d *Dir) renameError(f, t string, err error) error {
	old, e1 := d.root.Lstat(f)
	taken, e2 := d.root.Lstat(t)
	if e1 == nil && e2 == nil && (old.IsDir() || taken.IsDir()) {
		return fs.ErrExist
	}
	return err
}
