//go:build !linux && !darwin && !freebsd && !dragonfly && !netbsd && !openbsd

package driver

import (
	"errors"
	"os"
)

func lockFile(*os.File, bool, bool) error { return errNoLock }

func unlockFile(*os.File, bool) {}

func flock(*os.File, bool) error { return errNoLock }

func dup(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func flush(*os.File) error { return nil }
