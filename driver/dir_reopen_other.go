//go:build !linux

package driver

import (
	"errors"
	"os"
)

func reopen(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func reopenReading(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }
