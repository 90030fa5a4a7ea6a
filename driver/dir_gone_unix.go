//go:build unix

package driver

import (
	"io/fs"
	"syscall"
)

// removed reports an open directory that no name leads to.
func removed(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}
