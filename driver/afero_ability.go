package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/afero"
)

// Abilities that an afero.Fs may have beside its interface. The first four are
// methods that drivers of ftpserverlib have; RealPath is a method of afero's
// BasePathFs.
type (
	aferoDirRemover interface{ RemoveDir(name string) error }
	aferoDirReader  interface {
		ReadDir(name string) ([]fs.FileInfo, error)
	}
	aferoSpace interface {
		GetAvailableSpace(dirName string) (int64, error)
	}
	aferoSymlinker interface {
		Symlink(oldname, newname string) error
	}
	aferoBased interface {
		RealPath(name string) (string, error)
	}
)

// Space calls GetAvailableSpace for the directory name, or for the directory that
// the file name is in.
func (a *aferoFS) Space(ctx context.Context, name string) (int64, error) {
	p, err := a.begin(ctx, "space", name)
	if err != nil {
		return 0, err
	}
	s, ok := a.fs.(aferoSpace)
	if !ok {
		return 0, unsupported("reporting free space")
	}
	fi, err := a.stat(p)
	if err == nil && !fi.IsDir() {
		p = filepath.Dir(p)
	}
	var n int64
	if err == nil {
		n, err = s.GetAvailableSpace(p)
	}
	return n, fail("space", name, err)
}

// Symlink calls the file system's Symlink or SymlinkIfPossible, both of which
// take names from the root of the file system.
func (a *aferoFS) Symlink(ctx context.Context, target, name string) error {
	t, err := a.begin(ctx, "symlink", target)
	if err != nil {
		return err
	}
	link, err := a.symlinker()
	if err != nil {
		return err
	}
	return a.change(ctx, "symlink", name, func(p string, old fs.FileInfo) error {
		if old != nil {
			return fs.ErrExist
		}
		unlock, err := a.hands(ctx, p)
		if err != nil {
			return err
		}
		defer unlock()
		return noLinks(link(t, p))
	})
}

// symlinker returns the method that makes links.
func (a *aferoFS) symlinker() (func(oldname, newname string) error, error) {
	switch s := a.fs.(type) {
	case aferoSymlinker:
		return s.Symlink, nil
	case afero.Linker:
		return s.SymlinkIfPossible, nil
	}
	return nil, unsupported("making links")
}

// noLinks turns afero's errors for a missing ability into errors.ErrUnsupported.
func noLinks(err error) error {
	if errors.Is(err, afero.ErrNoSymlink) || errors.Is(err, afero.ErrNoReadlink) {
		return fmt.Errorf("%w (%v)", errors.ErrUnsupported, err)
	}
	return err
}

// ReadLink calls the file system's ReadlinkIfPossible.
func (a *aferoFS) ReadLink(ctx context.Context, name string) (string, error) {
	p, err := a.begin(ctx, "readlink", name)
	if err != nil {
		return "", err
	}
	r, ok := a.fs.(afero.LinkReader)
	if !ok {
		return "", unsupported("reading links")
	}
	target, err := r.ReadlinkIfPossible(p)
	if err == nil {
		target, err = a.linkTarget(name, filepath.ToSlash(target))
	}
	if err != nil {
		return "", fail("readlink", name, noLinks(err))
	}
	return target, nil
}

// linkTarget makes the target of a link relative to the link's directory.
// SECURITY: BasePathFs returns targets with its base in front, a path that
// clients must not learn.
func (a *aferoFS) linkTarget(name, target string) (string, error) {
	if filepath.IsAbs(target) || path.IsAbs(target) {
		root := "/"
		if b, ok := a.fs.(aferoBased); ok {
			base, err := b.RealPath("")
			if err != nil {
				return "", err
			}
			root = filepath.ToSlash(base)
		}
		inner, ok := strings.CutPrefix(path.Clean(target)+"/", strings.TrimSuffix(root, "/")+"/")
		if !ok {
			return "", fs.ErrPermission
		}
		target = relative(path.Dir(name), path.Join(".", inner))
	}
	return target, within(name, target)
}

// isLink reports whether a name is a symbolic link, as far as the file system
// tells.
func (a *aferoFS) isLink(p string) bool {
	l, ok := a.fs.(afero.Lstater)
	if !ok {
		return false
	}
	fi, _, err := l.LstatIfPossible(p)
	return err == nil && fi != nil && fi.Mode()&fs.ModeSymlink != 0
}

// removeDir removes an empty directory, by the file system's RemoveDir if it has
// that method, else by Remove.
func (a *aferoFS) removeDir(p string) error {
	if r, ok := a.fs.(aferoDirRemover); ok {
		return r.RemoveDir(p)
	}
	return a.fs.Remove(p)
}

// readDir opens a directory. Each call of next returns some entries, and io.EOF
// after or with the last.
func (a *aferoFS) readDir(ctx context.Context, p string) (next func() ([]fs.FileInfo, error), closeDir func() error, err error) {
	if r, ok := a.fs.(aferoDirReader); ok {
		return func() ([]fs.FileInfo, error) {
			unlock, err := a.holdName(ctx, p)
			if err != nil {
				return nil, err
			}
			defer unlock()
			infos, err := r.ReadDir(p)
			return infos, first(err, io.EOF)
		}, func() error { return nil }, nil
	}
	f, err := a.fs.Open(p)
	if err != nil {
		return nil, nil, err
	}
	return func() ([]fs.FileInfo, error) { return a.batch(ctx, p, f) }, f.Close, nil
}
