//go:build linux || darwin

package driver

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// renameToFree renames a file, and fails with fs.ErrExist if the new name is taken. The error
// is errors.ErrUnsupported where the system or the file system has no such rename.
func renameToFree(root *os.Root, old, name string) error {
	from, err := openDirectory(root, filepath.Dir(old))
	if err != nil {
		return err
	}
	defer from.Close()
	to := from
	if filepath.Dir(old) != filepath.Dir(name) {
		if to, err = openDirectory(root, filepath.Dir(name)); err != nil {
			return err
		}
		defer to.Close()
	}
	switch err := renameAt(from, filepath.Base(old), to, filepath.Base(name)); {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EPERM):
		return errors.ErrUnsupported
	default:
		return &os.LinkError{Op: "rename", Old: old, New: name, Err: err}
	}
}
