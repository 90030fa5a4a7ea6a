package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// staleAge is longer than any upload can stall.
const staleAge = 24 * time.Hour

// Sweep removes the temporary files that a crash left behind and reports how
// many. It also removes the bytes that were being added to a file at the crash.
// Call Sweep before the first session and now and then: until then, listings and
// Stat show a file as large as the crash left it, though nobody can read more
// than belongs to it. Files of uploads in progress, here or in another process,
// are locked and stay.
//
// Where a file system has no locks (see Atomic), files changed less than
// olderThan ago stay, too: choose it longer than any transfer may stall.
//
// Sweep may run beside other methods. It doesn't follow links. Directories it
// can't read are skipped; the error joins what went wrong.
func (d *Dir) Sweep(ctx context.Context, olderThan time.Duration) (int, error) {
	s := sweep{d: d, before: time.Now().Add(-olderThan), dirs: []string{"."}}
	for len(s.dirs) > 0 && ctx.Err() == nil {
		last := len(s.dirs) - 1
		p := s.dirs[last]
		s.dirs = s.dirs[:last]
		if _, err := s.dir(ctx, p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.errs = append(s.errs, fail("sweep", filepath.ToSlash(p), err))
		}
	}
	return s.n, errors.Join(append(s.errs, ctx.Err())...)
}

type sweep struct {
	d      *Dir
	before time.Time
	dirs   []string // still to be visited
	n      int      // how many files were removed
	busy   int      // how many belong to uploads in progress
	errs   []error
}

// dir sweeps a directory, and reports how many of its entries sessions can see.
func (s *sweep) dir(ctx context.Context, p string) (visible int, err error) {
	f, err := openDirectory(s.d.root, p)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var failed error
	err = readNames(ctx, f, func(e fs.DirEntry) {
		switch q := filepath.Join(p, e.Name()); {
		case !reserved(e.Name()):
			visible++
			if e.IsDir() {
				s.dirs = append(s.dirs, q)
			}
		case e.Type().IsRegular():
			if e := s.file(ctx, q); e != nil && !errors.Is(e, fs.ErrNotExist) {
				failed = e
			}
		}
	})
	return visible, first(failed, err)
}

// readNames calls each for the entries of a directory. It doesn't ask the system
// to describe each, as readdir does.
func readNames(ctx context.Context, f *os.File, each func(fs.DirEntry)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := f.ReadDir(listBatch)
		for _, e := range entries {
			each(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// file removes a temporary file whose lock nobody holds.
func (s *sweep) file(ctx context.Context, p string) error {
	f, err := s.d.root.OpenFile(p, os.O_RDONLY|noBlock|anySize, 0)
	if errors.Is(err, fs.ErrPermission) {
		return s.old(p)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	switch err := flock(f, false); {
	case errors.Is(err, errNoLock):
		return s.old(p)
	case err != nil:
		s.busy++
		return nil
	}
	// Look again: before the lock was taken, the file may have got its final
	// name, or another file the temporary one.
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := s.d.root.Lstat(p); err != nil || !os.SameFile(now, fi) {
		return err
	}
	if foreign(p, fi) {
		return errForeign
	}
	if base := owner(f); base != "" {
		if err := s.undo(ctx, filepath.Join(filepath.Dir(p), filepath.Base(base))); err != nil {
			return err
		}
	}
	return s.remove(p)
}

// undo locks a file by hold, which removes bytes that a killed process had
// added.
func (s *sweep) undo(ctx context.Context, p string) error {
	h, err := s.d.hold(ctx, s.d.root, p, true)
	h.release()
	return err
}

// old removes a temporary file that can't be locked, if the file is old enough.
func (s *sweep) old(p string) error {
	fi, err := s.d.root.Lstat(p)
	if err != nil {
		return err
	}
	if _, live := s.d.live.Load(filepath.Base(p)); live || !fi.ModTime().Before(s.before) {
		s.busy++
		return nil
	}
	if foreign(p, fi) {
		return errForeign
	}
	return s.remove(p)
}

func (s *sweep) remove(p string) error {
	err := s.d.root.Remove(p)
	if err == nil {
		s.n++
	}
	return err
}
