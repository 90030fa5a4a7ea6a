package driver

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// canExchange says that some file systems of this system can exchange names.
const canExchange = true

// exchange exchanges two names of a directory.
func exchange(dir *os.Root, a, b string) error {
	f, err := openDirectory(dir, ".")
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.Renameat2(int(f.Fd()), a, int(f.Fd()), b, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EPERM):
		return errNotExchanged
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
}
