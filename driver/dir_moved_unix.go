//go:build unix

package driver

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// isBelow reports whether an open directory, which is described as dir, is root or below
// root. It climbs by "..", since the directory's name isn't known.
func isBelow(open *os.Root, dir, root fs.FileInfo) (bool, error) {
	f, err := open.OpenFile(".", os.O_RDONLY|onlyDir|pathOnly, 0)
	if err != nil {
		return false, err
	}
	defer func() { f.Close() }()
	for !os.SameFile(dir, root) {
		fd, err := unix.Openat(int(f.Fd()), "..", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|pathOnly, 0)
		if err != nil {
			return false, &os.PathError{Op: "openat", Path: "..", Err: err}
		}
		f.Close()
		f = os.NewFile(uintptr(fd), "..")
		above, err := f.Stat()
		if err != nil {
			return false, err
		}
		if os.SameFile(above, dir) {
			return false, nil // the root of the system
		}
		dir = above
	}
	return true, nil
}
