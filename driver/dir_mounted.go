package driver

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// errMounted is the error for a file on which something is mounted, as a container has it that
// is given a single file of its host. The system lets nobody rename or remove such a file.
var errMounted = &Error{
	Code: 550,
	Text: "The file is a mount point: it can't be replaced or removed, only written to in place.",
	Err:  fs.ErrPermission,
}

// unlessMounted returns errMounted if err says that one of some names is in use, and something is
// mounted on one of them. Else it returns err.
func unlessMounted(err error, root *os.Root, names ...string) error {
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	for _, name := range names {
		dir := openToAsk(root, filepath.Dir(name))
		if dir == nil {
			continue
		}
		is := mountedOn(dir, filepath.Base(name))
		dir.Close()
		if is {
			return errMounted
		}
	}
	return err
}
