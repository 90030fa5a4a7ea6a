//go:build !linux

package driver

import (
	"io/fs"
	"os"
)

// fixed returns nil: the attempt to store will show whether it is allowed.
func fixed(dir *os.File, base string, add bool) error { return nil }

func onlyAdds(*os.Root, string) bool { return false }

func sticky(dir, file fs.FileInfo) error { return nil }

// mountedOn returns false: other systems mount on directories, or don't tell.
func mountedOn(*os.File, string) bool { return false }
