//go:build !unix

package driver

import "io/fs"

// removed is never so: a directory that is open can't be removed.
func removed(fs.FileInfo) bool { return false }
