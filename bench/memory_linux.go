package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryDir makes a directory in memory, so that no disk is measured. remove
// removes it with all that is in it.
func memoryDir() (dir string, remove func(), err error) {
	const shared = "/dev/shm"
	if inMemory(shared) {
		dir, err = os.MkdirTemp(shared, "bench-")
		if err != nil {
			return "", nil, err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // some servers drop root
			return "", nil, errors.Join(err, os.Remove(dir))
		}
		return dir, func() { os.RemoveAll(dir) }, nil
	}
	dir, err = os.MkdirTemp("", "bench-")
	if err != nil {
		return "", nil, err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return "", nil, errors.Join(fmt.Errorf("%s is no tmpfs, and mounting one needs root: %w", shared, err), os.Remove(dir))
	}
	return dir, func() {
		unix.Unmount(dir, unix.MNT_DETACH)
		os.Remove(dir)
	}, nil
}

func inMemory(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}
