package driver

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// Sweep removes the temporary files that a crash left behind and reports how
// many. Files of uploads in progress in this Dir stay, and so do files changed
// less than olderThan ago, which may belong to another process that serves the
// same directory: choose it longer than any transfer may stall. Sweep may run
// beside other methods. It doesn't follow links. Directories it can't read are
// skipped; the error joins what went wrong.
func (d *Dir) Sweep(ctx context.Context, olderThan time.Duration) (int, error) {
	s := sweep{d: d, before: time.Now().Add(-olderThan), dirs: []string{"."}}
	for len(s.dirs) > 0 && ctx.Err() == nil {
		last := len(s.dirs) - 1
		p := s.dirs[last]
		s.dirs = s.dirs[:last]
		if err := s.dir(ctx, p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.errs = append(s.errs, fail("sweep", filepath.ToSlash(p), err))
		}
	}
	return s.n, errors.Join(append(s.errs, ctx.Err())...)
}

type sweep struct {
	d      *Dir
	before time.Time
	dirs   []string // still to be visited
	n      int
	errs   []error
}

func (s *sweep) dir(ctx context.Context, p string) error {
	f, err := openDirectory(s.d.root, p)
	if err != nil {
		return err
	}
	defer f.Close()
	var failed error
	err = readdir(ctx, f, func(fi fs.FileInfo) bool {
		q := filepath.Join(p, fi.Name())
		switch {
		case fi.IsDir():
			s.dirs = append(s.dirs, q)
		case s.stale(fi):
			if e := s.d.root.Remove(q); e != nil {
				failed = e
				break
			}
			s.n++
		}
		return true
	})
	return first(failed, err)
}

func (s *sweep) stale(fi fs.FileInfo) bool {
	if !reserved(fi.Name()) || !fi.Mode().IsRegular() || !fi.ModTime().Before(s.before) {
		return false
	}
	_, live := s.d.live.Load(fi.Name())
	return !live
}
