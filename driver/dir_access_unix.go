//go:build unix

package driver

import (
	"os"

	"golang.org/x/sys/unix"
)

// openToAsk opens a directory, which need not be readable, to ask about the directory and
// its files. It returns nil if that fails: then nothing is known, and nothing is denied.
func openToAsk(root *os.Root, dir string) *os.File {
	f, err := root.OpenFile(dir, os.O_RDONLY|onlyDir|pathOnly, 0)
	if err != nil {
		return nil
	}
	return f
}

// access returns an error if the system denies this process the permission
// want, for the file base of a directory or for the directory itself if base is
// ".". A read-only file system denies writing. Where the system can't be asked
// access returns nil, and the attempt will show.
func access(dir *os.File, base string, want permission) error {
	if dir == nil {
		return nil
	}
	// Don't follow a base that became a link, which may lead out of the tree.
	err := unix.Faccessat(int(dir.Fd()), base, uint32(want), unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW)
	switch err {
	case unix.EACCES, unix.EPERM, unix.EROFS:
		return err
	}
	return nil
}
