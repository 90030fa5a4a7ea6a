package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// change locks a name and calls f with a description of the file or directory that has the
// name, nil if the name is free. The error is that of f, or says that the parent is no
// directory.
func (a *aferoFS) change(ctx context.Context, op, name string, f func(p string, old fs.FileInfo) error) error {
	p, err := a.begin(ctx, op, name)
	if err != nil {
		return err
	}
	unlock, err := a.alone(ctx, p)
	if err != nil {
		return fail(op, name, err)
	}
	defer unlock()
	old, err := a.target(p)
	if err == nil {
		err = f(p, old)
	}
	return fail(op, name, err)
}

// target describes the file or directory p, nil if the name is free. The parent must be a
// directory.
func (a *aferoFS) target(p string) (fs.FileInfo, error) {
	if err := a.parent(p); err != nil {
		return nil, err
	}
	fi, err := a.stat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return fi, err
}

func (a *aferoFS) Mkdir(ctx context.Context, name string) error {
	return a.change(ctx, "mkdir", name, func(p string, old fs.FileInfo) error {
		if old != nil {
			return fs.ErrExist
		}
		return a.fs.Mkdir(p, 0o777)
	})
}

func (a *aferoFS) Remove(ctx context.Context, name string) error {
	return a.change(ctx, "remove", name, func(p string, old fs.FileInfo) error {
		switch {
		case old != nil && old.IsDir() && !a.isLink(p):
			return ErrIsDir
		case old == nil:
			// The name may still be that of a link that leads nowhere.
			return a.fs.Remove(p)
		}
		return a.remove(ctx, p, a.fs.Remove)
	})
}

// RemoveSame removes a file if it is still the one that was described.
func (a *aferoFS) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	return a.change(ctx, "remove", name, func(p string, old fs.FileInfo) error {
		switch {
		case old == nil:
			return fs.ErrNotExist
		case old.IsDir():
			return ErrIsDir
		case !sameFile(info, aferoStat(old, "")):
			return ErrChanged
		}
		return a.remove(ctx, p, a.fs.Remove)
	})
}

func (a *aferoFS) RemoveDir(ctx context.Context, name string) error {
	return a.change(ctx, "rmdir", name, func(p string, old fs.FileInfo) error {
		switch {
		case name == ".":
			return fs.ErrPermission
		case old == nil:
			return fs.ErrNotExist
		case !old.IsDir(), a.isLink(p):
			return ErrNotDir
		case len(a.uploadsBelow(p)) > 0:
			return errUploading
		}
		// Some file systems remove a directory and forget what was in it.
		if err := a.empty(p); err != nil {
			return err
		}
		return a.remove(ctx, p, a.removeDir)
	})
}

// remove removes a file or directory that was found before. If the file system doesn't
// find it, remove returns errReadOnly: CopyOnWriteFs reports so for files that are only in
// its read-only base.
func (a *aferoFS) remove(ctx context.Context, p string, remove func(name string) error) error {
	unlock, err := a.hands(ctx, p)
	if err != nil {
		return err
	}
	defer unlock()
	a.touched(p)
	err = remove(p)
	if errors.Is(err, fs.ErrNotExist) {
		return errReadOnly
	}
	return err
}

func (a *aferoFS) Rename(ctx context.Context, from, to string) error {
	if err := renames(from, to); err != nil {
		return err
	}
	t, err := a.begin(ctx, "rename", to)
	if err != nil {
		return err
	}
	p, err := a.begin(ctx, "rename", from)
	if err != nil {
		return err
	}
	unlock, err := a.alone(ctx, p, t)
	if err != nil {
		return fail("rename", from, err)
	}
	defer unlock()
	return fail("rename", from, a.renameHeld(ctx, p, t))
}

func (a *aferoFS) renameHeld(ctx context.Context, p, t string) error {
	old, err := a.target(p)
	if err == nil && old == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	taken, err := a.target(t)
	switch {
	case err != nil || p == t:
		return err
	case taken != nil && (taken.IsDir() || old.IsDir()):
		return fs.ErrExist
	}
	a.touched(p, t)
	along := a.uploadsBelow(p)
	err = a.rename(ctx, p, t, taken)
	if err == nil {
		a.moved(along, p, t)
	}
	return err
}

// rename renames p to t, whose file is taken (nil if t is free). Where the file system
// doesn't replace a file, rename moves the file aside and, if the second rename fails,
// back.
func (a *aferoFS) rename(ctx context.Context, p, t string, taken fs.FileInfo) error {
	unlock, err := a.hands(ctx, p, t)
	if err != nil {
		return err
	}
	defer unlock()
	err = a.fs.Rename(p, t)
	if err == nil || taken == nil || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	aside := sibling(t)
	if a.fs.Rename(t, aside) != nil {
		return err
	}
	if err := a.fs.Rename(p, t); err != nil {
		return errors.Join(err, a.fs.Rename(aside, t))
	}
	return a.fs.Remove(aside)
}

// uploadsBelow returns the uploads in progress whose temporary files are in a directory or
// below it.
func (a *aferoFS) uploadsBelow(dir string) (found []*aferoUpload) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for u := range a.uploads {
		if below(filepath.ToSlash(u.temp), filepath.ToSlash(dir)) {
			found = append(found, u)
		}
	}
	return found
}

// moved tells uploads that their temporary files have been renamed along with a directory,
// so that Close finds them. For an upload that ended during the rename, and so didn't find
// its temporary file, moved removes the file.
func (a *aferoFS) moved(uploads []*aferoUpload, from, to string) {
	for _, u := range uploads {
		a.mu.Lock()
		u.temp = to + strings.TrimPrefix(u.temp, from)
		temp := u.temp
		_, active := a.uploads[u]
		a.mu.Unlock()
		if !active {
			_ = a.fs.Remove(temp)
		}
	}
}

// touched marks the uploads in progress to some names, because another file is getting
// these names. The name of a directory stands for everything below it.
func (a *aferoFS) touched(names ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for u := range a.uploads {
		for _, p := range names {
			if below(filepath.ToSlash(u.path), filepath.ToSlash(p)) {
				u.touched = true
			}
		}
	}
}

// SetTimes sets the times of modification and access. A zero time of access becomes that
// of modification, because afero has no way to set only one of them.
func (a *aferoFS) SetTimes(ctx context.Context, name string, t Times) error {
	if !t.Create.IsZero() {
		return fail("set times", name, fmt.Errorf("time of creation: %w", errors.ErrUnsupported))
	}
	return a.change(ctx, "set times", name, func(p string, old fs.FileInfo) error {
		if old == nil {
			return fs.ErrNotExist
		}
		if t.Modify.IsZero() {
			if t.Access.IsZero() {
				return nil
			}
			t.Modify = old.ModTime()
		}
		if t.Access.IsZero() {
			t.Access = t.Modify
		}
		return a.fs.Chtimes(p, t.Access, t.Modify)
	})
}

// SetMode sets permission bits.
func (a *aferoFS) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	return a.change(ctx, "set mode", name, func(p string, old fs.FileInfo) error {
		if old == nil {
			return fs.ErrNotExist
		}
		const special = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
		return a.fs.Chmod(p, mode.Perm()|old.Mode()&special)
	})
}
