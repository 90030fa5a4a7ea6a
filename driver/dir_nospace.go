//go:build !linux && !darwin && !freebsd && !dragonfly && !windows

package driver

import (
	"errors"
	"os"
)

func freeSpace(*os.Root, string) (int64, error) { return 0, errors.ErrUnsupported }
