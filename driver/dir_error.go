package driver

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// fail makes err an error of this package's contract about a name as clients
// know it. The path that the system was asked for is left out.
func fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: classify(bare(err))}
}

// bare is err without the paths that package os puts around it.
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

// classify adds the meaning in the contract to an error of the system.
func classify(err error) error {
	// Package os doesn't export this error; a test holds its text.
	if err.Error() == "path escapes from parent" {
		return fmt.Errorf("leads out of the tree: %w", fs.ErrPermission)
	}
	errno, ok := err.(syscall.Errno)
	if !ok {
		return err
	}
	switch kind := errnoKind(errno); kind {
	case nil:
		return err
	case ErrNotEmpty:
		// Go counts ENOTEMPTY as fs.ErrExist, which means something else here.
		return ErrNotEmpty
	default:
		return &systemError{kind, errno}
	}
}

// systemError is an error of the contract together with the system's own.
type systemError struct {
	kind  error
	errno syscall.Errno
}

func (e *systemError) Error() string   { return fmt.Sprintf("%v (%v)", e.kind, e.errno) }
func (e *systemError) Unwrap() []error { return []error{e.kind, e.errno} }

// first is the first of the errors that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
