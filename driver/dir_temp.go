package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// tempFile is a temporary file in the directory of the file that it is going to be. It is
// locked until it has its final name or is gone, so that a sweep leaves it alone.
type tempFile struct {
	d      *Dir
	parent *os.Root
	name   string // empty if the file has none, or no temporary one any more
	f      *os.File
	lock   *os.File // the same open file; nil where there are no locks
}

// errOnlyAdds is returned where files can be made but not replaced.
var errOnlyAdds = fmt.Errorf("files of the directory can't be replaced: %w", fs.ErrPermission)

// newTemp makes a temporary file, open for reading and writing, in a directory with the
// name dir. Where a name could never be removed, the file has none.
func (d *Dir) newTemp(parent *os.Root, dir string, mode fs.FileMode) (*tempFile, error) {
	if onlyAdds(parent, filepath.Join(d.root.Name(), filepath.FromSlash(dir))) {
		f, err := openUnnamed(parent, mode)
		if err != nil {
			return nil, err
		}
		return &tempFile{d: d, parent: parent, f: f}, nil
	}
	for range 10 {
		t, err := d.tryTemp(parent, mode)
		if t != nil || err != nil {
			return t, err
		}
	}
	return nil, fmt.Errorf("temporary files vanish: %w", fs.ErrPermission)
}

// tryTemp makes a temporary file and locks it. It returns nil if a sweep took the file
// before the lock.
func (d *Dir) tryTemp(parent *os.Root, mode fs.FileMode) (*tempFile, error) {
	t := &tempFile{d: d, parent: parent, name: tempName()}
	d.live.Store(t.name, nil)
	var err error
	if t.f, err = parent.OpenFile(t.name, os.O_RDWR|os.O_CREATE|os.O_EXCL|anySize, mode); err != nil {
		d.live.Delete(t.name)
		return nil, err
	}
	switch err := flock(t.f, false); {
	case errors.Is(err, errNoLock):
		return t, nil
	case err == nil && t.named():
		if t.lock, err = dup(t.f); err == nil {
			return t, nil
		}
		t.remove()
		return nil, err
	}
	t.remove()
	return nil, nil
}

// named reports whether the file still has its name, the only one it ever had.
func (t *tempFile) named() bool {
	fi, err := t.f.Stat()
	return err == nil && linked(fi)
}

// remove removes the file.
func (t *tempFile) remove() error {
	t.f.Close()
	var err error
	if t.name != "" {
		err = t.parent.Remove(t.name)
	}
	t.release()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// release gives up the lock of a file that has its final name or is gone.
func (t *tempFile) release() {
	t.f.Close()
	if t.lock != nil {
		t.lock.Close()
	}
	t.d.live.Delete(t.name)
}
