//go:build !unix

package driver

import "io/fs"

// removed returns false: an open directory can't be removed on this system.
func removed(fs.FileInfo) bool { return false }
