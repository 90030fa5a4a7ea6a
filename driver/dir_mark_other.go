//go:build !linux

package driver

import (
	"errors"
	"os"
)

func mark(*os.File, int64, int64) error { return errors.ErrUnsupported }

func unmark(*os.File) error { return nil }

func marked(*os.File) (n, t int64, ok bool) { return 0, 0, false }

func belongs(*os.File, string) error { return errors.ErrUnsupported }

func owner(*os.File) string { return "" }

func setAppend(*os.File) error { return errors.ErrUnsupported }
