//go:build !linux

package driver

import (
	"errors"
	"io/fs"
	"os"
)

func openUnnamed(*os.Root, fs.FileMode) (*os.File, error) { return nil, errors.ErrUnsupported }

func nameUnnamed(*os.File, *os.Root, string) error { return errors.ErrUnsupported }
