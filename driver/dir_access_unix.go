//go:build unix

package driver

import (
	"os"

	"golang.org/x/sys/unix"
)

// access asks the system whether this process now may do that with a file of a
// directory, or with "." for the directory itself. A read-only file system
// answers as well. Where the system can't be asked the answer is yes: the
// attempt will show.
func (d *Dir) access(dir, base string, want permission) error {
	f, err := d.root.OpenFile(dir, os.O_RDONLY|onlyDir|pathOnly, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	// A base that became a link is not followed: that may lead out of the tree.
	err = unix.Faccessat(int(f.Fd()), base, uint32(want), unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW)
	switch err {
	case unix.EACCES, unix.EPERM, unix.EROFS:
		return err
	}
	return nil
}
