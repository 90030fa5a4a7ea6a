package driver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// CheckStore returns the error that Store would return, including denied permissions where
// the system can be asked about them.
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
		// Store replaces or makes the file that the link leads to.
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
	dir := openToAsk(d.root, filepath.FromSlash(path.Dir(name)))
	if dir != nil {
		defer dir.Close()
	}
	if err := d.checkParent(dir, name, fi, opts.Whole); err != nil {
		return err
	}
	return d.checkTarget(dir, path.Base(name), fi, opts)
}

// checkParent checks that Store may work in the directory of name: an atomic
// upload makes a file there in any case, an upload in place only if the file is
// new. The directory is open in dir, to ask about it.
func (d *Dir) checkParent(dir *os.File, name string, old fs.FileInfo, whole bool) error {
	p := filepath.FromSlash(path.Dir(name))
	fi, err := d.root.Stat(p)
	inPlace := d.Uploads == InPlace && !whole
	if p == "." {
		err = d.gone(err)
	}
	switch {
	case err != nil:
		return err
	case !fi.IsDir():
		return ErrNotDir
	case old != nil && inPlace:
		return nil
	case old != nil && !old.IsDir():
		if err := sticky(fi, old); err != nil {
			return err
		}
	}
	return first(access(dir, ".", mayWrite|mayEnter), fixed(dir, ".", old == nil))
}

// checkTarget returns an error if the file fi, nil for none, can't be replaced or written
// to. The directory of the file is open in dir, to ask about the file.
func (d *Dir) checkTarget(dir *os.File, base string, fi fs.FileInfo, opts StoreOptions) error {
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
	inPlace := d.Uploads == InPlace && !opts.Whole
	if err := fixed(dir, base, inPlace && opts.Append); err != nil {
		return err
	}
	var want permission
	if inPlace {
		want = mayWrite
	} else {
		if err := replaceable(fi); err != nil {
			return err
		}
		grows := fi.Size() > small && (opts.Append || opts.Offset == fi.Size()) // see fill
		if !grows && mountedOn(dir, base) {
			return errMounted
		}
		if opts.Append || opts.Offset > 0 {
			want = mayRead // of the bytes that are kept
		}
	}
	if want == 0 {
		return nil
	}
	return access(dir, base, want)
}

// permission is what the process wants to do with a file or directory.
type permission uint32

const (
	mayEnter permission = 1 << iota // the bits of access(2)
	mayWrite
	mayRead
)
