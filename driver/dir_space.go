//go:build linux || darwin || freebsd || dragonfly

package driver

import (
	"math"
	"os"
	"syscall"
)

// freeSpace counts what an unprivileged process may use, without the blocks the
// file system holds back for root.
func freeSpace(root *os.Root, p string) (int64, error) {
	f, err := openDirectory(root, p)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, err
	}
	blocks, size := max(int64(st.Bavail), 0), max(int64(st.Bsize), 1)
	if blocks > math.MaxInt64/size {
		return math.MaxInt64, nil
	}
	return blocks * size, nil
}
