//go:build unix

package driver

import (
	"io/fs"
	"syscall"
)

// removed reports whether an open directory has no name any more.
func removed(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}
