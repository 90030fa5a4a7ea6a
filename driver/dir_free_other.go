//go:build !linux && !darwin

package driver

import (
	"errors"
	"os"
)

func renameToFree(*os.Root, string, string) error { return errors.ErrUnsupported }
