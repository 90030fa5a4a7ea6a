//go:build unix

package driver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sallyport/sallyport/driver"
)

func TestSysErrorMeanings(t *testing.T) {
	meanings := map[syscall.Errno]error{
		syscall.ENOENT: fs.ErrNotExist, syscall.EEXIST: fs.ErrExist, syscall.EACCES: fs.ErrPermission, syscall.EPERM: fs.ErrPermission,
		syscall.ENOTDIR: driver.ErrNotDir, syscall.EISDIR: driver.ErrIsDir, syscall.ENOTEMPTY: driver.ErrNotEmpty,
		syscall.ENOSPC: driver.ErrQuota, syscall.EDQUOT: driver.ErrQuota, syscall.EFBIG: driver.ErrQuota,
		syscall.ENAMETOOLONG: driver.ErrName, syscall.EROFS: fs.ErrPermission, syscall.ELOOP: fs.ErrPermission,
		syscall.EINVAL: fs.ErrInvalid, syscall.EXDEV: errors.ErrUnsupported,
		syscall.EBUSY: driver.ErrBusy, syscall.ETXTBSY: driver.ErrBusy,
	}
	for errno, want := range meanings {
		for _, err := range []error{
			errno, &fs.PathError{Op: "open", Path: "/x", Err: errno}, &os.LinkError{Op: "rename", Err: errno},
			fmt.Errorf("store: %w", os.NewSyscallError("write", errno)), errors.Join(errno, errors.New("and more")),
		} {
			got := driver.SysError(err)
			assert.ErrorIs(t, got, want, "%v", err)
			assert.ErrorContains(t, got, err.Error())
			assert.Equal(t, got, driver.SysError(got), "twice is once")
			if errno != syscall.ENOTEMPTY {
				assert.ErrorIs(t, got, errno)
			}
		}
	}
	assert.Equal(t, syscall.EIO, driver.SysError(syscall.EIO), "the contract has nothing for it")
	own := &driver.Error{Code: 452, Text: "The tape is full.", Err: syscall.ENOSPC}
	assert.Equal(t, fmt.Errorf("x: %w", own), driver.SysError(fmt.Errorf("x: %w", own)), "words for the client go first")
}
