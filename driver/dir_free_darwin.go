package driver

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameAt renames a file of one directory to a free name in another.
func renameAt(from *os.File, old string, to *os.File, name string) error {
	return unix.RenameatxNp(int(from.Fd()), old, int(to.Fd()), name, unix.RENAME_EXCL)
}
