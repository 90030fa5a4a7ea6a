//go:build unix

package driver

import (
	"os"

	"golang.org/x/sys/unix"
)

// access returns an error if the system denies this process the permission
// want, for the file base of a directory or for the directory itself if base is
// ".". A read-only file system denies writing. Where the system can't be asked
// access returns nil, and the attempt will show.
func (d *Dir) access(dir, base string, want permission) error {
	f, err := d.root.OpenFile(dir, os.O_RDONLY|onlyDir|pathOnly, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	// Don't follow a base that became a link, which may lead out of the tree.
	err = unix.Faccessat(int(f.Fd()), base, uint32(want), unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW)
	switch err {
	case unix.EACCES, unix.EPERM, unix.EROFS:
		return err
	}
	return nil
}
