//go:build !unix

package driver

import (
	"errors"
	"io/fs"
	"os"
)

// rawNames is false: to Windows and the like names are text.
const rawNames = false

func lookupGroup(string) (int, error) { return 0, errors.ErrUnsupported }

func ownLike(*os.File, fs.FileInfo) {}

func linked(fs.FileInfo) bool { return true }

// openForSync opens nothing: these systems don't sync directories.
func openForSync(*os.Root) (*os.File, error) { return nil, nil }

func syncDir(*os.File) error { return nil }

func (i dirInfo) uid() (uint32, bool) { return 0, false }
func (i dirInfo) gid() (uint32, bool) { return 0, false }

// sysID returns "": the system has no number for a file that is not open.
func sysID(fs.FileInfo) string { return "" }
