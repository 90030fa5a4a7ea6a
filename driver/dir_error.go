package driver

import (
	"fmt"
	"io/fs"
	"os"
)

// fail wraps err as an error of the contract, about a name as clients know it
// and without the path that the system was asked for.
func fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: classify(bare(err))}
}

// bare removes the paths that package os puts around an error.
func bare(err error) error {
	for {
		switch e := err.(type) {
		case *fs.PathError:
			err = e.Err
		case *os.LinkError:
			err = e.Err
		case *os.SyscallError:
			err = e.Err
		default:
			return err
		}
	}
}

// classify wraps an error of the system or of package os with the error of the
// contract that it means.
func classify(err error) error {
	// Package os doesn't export this error; a test holds its text.
	if err.Error() == "path escapes from parent" {
		return fmt.Errorf("leads out of the tree: %w", fs.ErrPermission)
	}
	return SysError(err)
}

// first returns the first error that is not nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
