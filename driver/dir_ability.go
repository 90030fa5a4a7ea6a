package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// SetTimes sets the times of modification and access. A time of creation is
// [errors.ErrUnsupported], because package os can set none.
func (d *Dir) SetTimes(ctx context.Context, name string, t Times) error {
	p, err := begin(ctx, "set times", name)
	if err != nil {
		return err
	}
	if !t.Create.IsZero() {
		return d.fail("set times", name, fmt.Errorf("time of creation: %w", errors.ErrUnsupported))
	}
	return d.fail("set times", name, d.root.Chtimes(p, t.Access, t.Modify))
}

// SetMode sets permission bits. Other bits of the mode (set-group, sticky) stay.
func (d *Dir) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	p, err := begin(ctx, "set mode", name)
	if err != nil {
		return err
	}
	fi, err := d.root.Stat(p)
	if err != nil {
		return d.fail("set mode", name, err)
	}
	const special = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	return d.fail("set mode", name, d.root.Chmod(p, mode.Perm()|fi.Mode()&special))
}

// SetGroup sets the group, a name or a number. The error is
// [errors.ErrUnsupported] where the system has no groups, and [fs.ErrNotExist]
// for an unknown name.
func (d *Dir) SetGroup(ctx context.Context, name, group string) error {
	p, err := begin(ctx, "set group", name)
	if err != nil {
		return err
	}
	gid, err := lookupGroup(group)
	if err == nil {
		err = d.root.Chown(p, -1, gid)
	}
	return d.fail("set group", name, err)
}

// Symlink makes a link. The target is stored relative to the link's directory,
// so that links work for other programs too and when the tree is moved.
func (d *Dir) Symlink(ctx context.Context, target, name string) error {
	if _, err := local("symlink", target); err != nil {
		return err
	}
	p, err := begin(ctx, "symlink", name)
	if err != nil {
		return err
	}
	// ".." in a link counts from where the directory really is.
	parent, err := d.resolve(path.Dir(name))
	if err == nil {
		err = d.root.Symlink(filepath.FromSlash(relative(parent, target)), p)
	}
	return d.fail("symlink", name, err)
}

// ReadLink returns the target of a link, relative to the link's directory. A
// target out of the tree is [fs.ErrPermission].
func (d *Dir) ReadLink(ctx context.Context, name string) (string, error) {
	p, err := begin(ctx, "readlink", name)
	if err != nil {
		return "", err
	}
	target, err := d.root.Readlink(p)
	if err != nil {
		return "", d.fail("readlink", name, err)
	}
	if err := within(name, target); err != nil {
		return "", err
	}
	return filepath.ToSlash(target), nil
}

// resolve follows the links in a name and returns the name that they lead to.
// The result only says where to work; os.Root keeps the work within the tree.
func (d *Dir) resolve(name string) (string, error) {
	var done []string
	rest := elements(name)
	for links := 0; len(rest) > 0; {
		e := rest[0]
		rest = rest[1:]
		switch e {
		case "", ".":
			continue
		case "..":
			if len(done) == 0 {
				return "", fs.ErrPermission
			}
			done = done[:len(done)-1]
			continue
		}
		target, err := d.root.Readlink(filepath.Join(append(done, e)...))
		if err != nil {
			done = append(done, e) // no link, or not there
			continue
		}
		target = filepath.ToSlash(target)
		if links++; links > 8 || path.IsAbs(target) || reserved(e) {
			return "", fs.ErrPermission
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return path.Join(append([]string{"."}, done...)...), nil
}

// RawNames reports whether the system takes any bytes as names.
func (d *Dir) RawNames(string) bool { return rawNames }

// Space reports the bytes that this process may still store on the file system
// that holds name.
func (d *Dir) Space(ctx context.Context, name string) (int64, error) {
	p, err := begin(ctx, "space", name)
	if err != nil {
		return 0, err
	}
	fi, err := d.root.Stat(p)
	if err == nil && !fi.IsDir() {
		p = filepath.Dir(p)
	}
	var n int64
	if err == nil {
		n, err = freeSpace(d.root, p)
	}
	return n, d.fail("space", name, err)
}

// WritesInPlace reports whether Uploads is InPlace and an upload need not be whole.
func (d *Dir) WritesInPlace(_ string, opts StoreOptions) bool {
	return d.Uploads == InPlace && !opts.Whole
}
