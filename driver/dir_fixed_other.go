//go:build !linux

package driver

import "io/fs"

// fixed returns nil: the attempt to store will show whether it is allowed.
func (d *Dir) fixed(dir, base string, add bool) error { return nil }

func sticky(dir, file fs.FileInfo) error { return nil }
