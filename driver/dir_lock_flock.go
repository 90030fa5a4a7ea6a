//go:build linux || darwin || freebsd || dragonfly || netbsd || openbsd

package driver

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flock takes the lock of flock(2) on an open file without waiting.
func flock(f *os.File, shared bool) error {
	how := unix.LOCK_EX | unix.LOCK_NB
	if shared {
		how = unix.LOCK_SH | unix.LOCK_NB
	}
	for {
		switch err := unix.Flock(int(f.Fd()), how); {
		case errors.Is(err, unix.EINTR):
		case err == nil:
			return nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return errLocked
		default:
			return errNoLock
		}
	}
}

// dup returns a second descriptor of the open file f. The lock of f stays when f is
// closed. Programs that this one starts don't inherit the descriptor.
func dup(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// flush returns errors that some systems (NFS, quotas) report only when a file is
// closed. It closes a duplicate, so f stays open.
func flush(f *os.File) error {
	again, err := dup(f)
	if err != nil {
		return err
	}
	return again.Close()
}
