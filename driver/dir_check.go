package driver

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
)

// CheckStore tells what Store would refuse, permissions of the system included
// where the system can be asked about them.
func (d *Dir) CheckStore(ctx context.Context, name string, opts StoreOptions) error {
	p, err := begin(ctx, "store", name)
	if err != nil {
		return err
	}
	switch {
	case name == ".":
		err = ErrIsDir
	case !opts.Append && opts.Offset < 0:
		err = fs.ErrInvalid
	default:
		err = d.checkStore(p, name, opts)
	}
	return d.fail("store", name, err)
}

func (d *Dir) checkStore(p, name string, opts StoreOptions) error {
	fi, err := d.root.Lstat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fi = nil
	case err != nil:
		return err
	case opts.Exclusive && !fi.IsDir():
		return fs.ErrExist
	case fi.Mode()&fs.ModeSymlink != 0:
		// The file that the link leads to is replaced, or made.
		if name, err = d.resolve(name); err != nil {
			return err
		}
		if fi, err = d.root.Stat(p); errors.Is(err, fs.ErrNotExist) {
			fi, err = nil, nil
		}
		if err != nil {
			return err
		}
	}
	if err := d.checkParent(name, fi != nil); err != nil {
		return err
	}
	return d.checkTarget(name, fi, opts)
}

// checkParent checks that Store may work in the directory of name: an atomic
// upload makes a file there in any case, an upload in place only if the file is
// new.
func (d *Dir) checkParent(name string, exists bool) error {
	dir := filepath.FromSlash(path.Dir(name))
	fi, err := d.root.Stat(dir)
	if dir == "." {
		err = d.gone(err)
	}
	switch {
	case err != nil:
		return err
	case !fi.IsDir():
		return ErrNotDir
	case exists && d.Uploads == InPlace:
		return nil
	}
	return d.access(dir, ".", mayWrite|mayEnter)
}

// checkTarget checks what has the name, nil for nothing.
func (d *Dir) checkTarget(name string, fi fs.FileInfo, opts StoreOptions) error {
	if fi == nil {
		if opts.Offset > 0 && !opts.Append {
			return ErrOffset
		}
		return nil
	}
	if err := regular(fi); err != nil {
		return err
	}
	if !opts.Append && opts.Offset > fi.Size() {
		return ErrOffset
	}
	var want permission
	if d.Uploads == InPlace {
		want = mayWrite
	} else {
		if err := replaceable(fi); err != nil {
			return err
		}
		if opts.Append || opts.Offset > 0 {
			want = mayRead // of the bytes that are kept
		}
	}
	if want == 0 {
		return nil
	}
	return d.access(filepath.FromSlash(path.Dir(name)), path.Base(name), want)
}

// permission is what the process wants to do with a file or directory.
type permission uint32

const (
	mayEnter permission = 1 << iota // the bits of access(2)
	mayWrite
	mayRead
)
