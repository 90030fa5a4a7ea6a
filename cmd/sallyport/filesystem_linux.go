package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// forgets returns why a crash of this host may take files of a directory although they were synced to the disk;
// empty if no such reason is known.
func forgets(dir string) string {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return ""
	}
	const ramfs = 0x858458f6
	switch uint32(fs.Type) {
	case unix.TMPFS_MAGIC, ramfs:
		return "its file system is in memory"
	}
	f, err := os.Open(dir)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, none := range []error{unix.EINVAL, unix.EOPNOTSUPP, unix.ENOSYS} {
		if err := f.Sync(); errors.Is(err, none) {
			return fmt.Sprintf("its file system can't bring them to a disk (%v)", err)
		}
	}
	return ""
}
