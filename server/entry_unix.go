//go:build unix

package server

import (
	"io/fs"
	"syscall"
)

// links returns the number of hard links, 0 when unknown.
func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 0
}
