package driver

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openUnnamed makes a file without a name in the file system of a directory. Unless
// nameUnnamed gives the file a name, it is gone when it is closed.
func openUnnamed(dir *os.Root, mode fs.FileMode) (*os.File, error) {
	f, err := openDirectory(dir, ".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fd, err := unix.Openat(int(f.Fd()), ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC|anySize, uint32(mode.Perm()))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir.Name(), Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir.Name(), "unnamed")), nil
}

// nameUnnamed gives a file of openUnnamed a name, and fails with fs.ErrExist if the name is
// taken.
func nameUnnamed(f *os.File, dir *os.Root, name string) error {
	to, err := openDirectory(dir, ".")
	if err != nil {
		return err
	}
	defer to.Close()
	old := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, old, int(to.Fd()), name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: old, New: name, Err: err}
	}
	return nil
}
