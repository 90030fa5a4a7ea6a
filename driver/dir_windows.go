package driver

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

const (
	noBlock = 0
	onlyDir = 0
)

func errnoKind(errno syscall.Errno) error {
	switch errno {
	case syscall.EISDIR:
		return ErrIsDir
	case syscall.ENOTDIR, windows.ERROR_DIRECTORY:
		return ErrNotDir
	case syscall.ENOTEMPTY, windows.ERROR_DIR_NOT_EMPTY:
		return ErrNotEmpty
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED:
		return ErrQuota
	case windows.ERROR_FILENAME_EXCED_RANGE, windows.ERROR_INVALID_NAME:
		return ErrName
	case syscall.ELOOP, windows.ERROR_WRITE_PROTECT, windows.ERROR_SHARING_VIOLATION:
		return fs.ErrPermission
	case syscall.EBUSY, syscall.ETXTBSY:
		return ErrBusy
	case syscall.EINVAL, windows.ERROR_INVALID_PARAMETER:
		return fs.ErrInvalid
	case syscall.EXDEV, windows.ERROR_NOT_SAME_DEVICE:
		return errors.ErrUnsupported
	}
	return nil
}

// freeSpace answers for the volume of the root: a path below it could be
// swapped for a link.
func freeSpace(root *os.Root, _ string) (int64, error) {
	p, err := windows.UTF16PtrFromString(root.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<63-1)), nil
}
