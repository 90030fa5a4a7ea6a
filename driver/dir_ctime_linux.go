package driver

import (
	"io/fs"
	"syscall"
	"time"
)

// changeTime returns when a file or anything about it was changed, zero if the system
// doesn't tell.
func changeTime(fi fs.FileInfo) time.Time {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}
	}
	return time.Unix(st.Ctim.Unix())
}
