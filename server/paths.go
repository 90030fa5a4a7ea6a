package server

import (
	"context"
	"unicode/utf8"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// name resolves an argument that may name anything. Every directory that the argument
// leads through must exist: "missing/../a" does not name a.
func (a *account) name(ctx context.Context, arg string) (string, error) {
	p, err := a.path(ctx, arg)
	return p.Name, err
}

func (a *account) path(ctx context.Context, arg string) (wire.Path, error) {
	p, err := wire.ParsePath(a.cwd, arg)
	if err != nil {
		return wire.Path{}, err
	}
	if !a.takes(p.Name) {
		return wire.Path{}, errNotUTF8
	}
	for _, dir := range p.Through {
		if !a.takes(dir) {
			return wire.Path{}, errNotUTF8
		}
		if err := a.isDir(ctx, dir); err != nil {
			return wire.Path{}, err
		}
	}
	return p, nil
}

var errNotUTF8 = &wire.SyntaxError{What: "A path", Want: "UTF-8 here"}

// takes reports whether the files can have such a name. A name that is not UTF-8 can
// only be one where names are bytes (RFC 2640, section 2.2).
func (a *account) takes(name string) bool {
	return utf8.ValidString(name) || driver.RawNames(a.files, name)
}

// isDir returns an error unless the name is that of a directory.
func (a *account) isDir(ctx context.Context, name string) error {
	info, err := a.files.Stat(ctx, name)
	if err == nil && !info.IsDir() {
		err = driver.ErrNotDir
	}
	return err
}

// existing resolves an argument that names something that exists. An argument with a
// slash at its end names a directory.
func (a *account) existing(ctx context.Context, arg string) (string, error) {
	p, err := a.path(ctx, arg)
	if err == nil && p.Dir {
		err = a.isDir(ctx, p.Name)
	}
	return p.Name, err
}

// fileName resolves an argument that names a link itself or a file, existing or not. An
// argument with a slash at its end is an error.
func (a *account) fileName(ctx context.Context, arg string) (string, error) {
	p, err := a.path(ctx, arg)
	if err != nil || !p.Dir {
		return p.Name, err
	}
	if err := a.isDir(ctx, p.Name); err != nil {
		return "", err
	}
	return "", driver.ErrIsDir
}

// exists looks for something that may be a link to nowhere. With a slash at its
// end a path means a directory, and not a link to one.
func (a *account) exists(ctx context.Context, p wire.Path) error {
	info, err := a.files.Stat(ctx, p.Name)
	if err == nil && !p.Dir {
		return nil
	}
	_, linkErr := driver.ReadLink(ctx, a.files, p.Name)
	if _, ok := closing(linkErr); ok {
		return linkErr
	}
	isLink := linkErr == nil
	switch {
	case isLink && !p.Dir:
		return nil
	case isLink || err == nil && !info.IsDir():
		return driver.ErrNotDir
	}
	return err
}
