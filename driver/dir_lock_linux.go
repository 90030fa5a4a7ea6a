package driver

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks all of a file, which may be open for writing, without waiting. An OFD lock belongs to the open
// file, unlike the older POSIX locks, which a process loses when it closes
// anything that leads to the same file. Other programs that lock files with
// fcntl(2) are excluded as well.
//
// A file that is open for reading only can have no OFD lock but a shared one,
// which excludes those who write and nobody else. Such a file is locked with
// flock(2) besides, always after the OFD lock; on NFS, where flock needs a file
// open for writing, the OFD lock is the only one.
func lockFile(f *os.File, writable, shared bool) error {
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if shared || !writable {
		l.Type = unix.F_RDLCK
	}
	switch err := fcntlLock(f, &l); {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return errLocked
	case err != nil:
		return errNoLock
	}
	if l.Type == unix.F_RDLCK && errors.Is(flock(f, shared), errLocked) {
		_ = fcntlLock(f, &unix.Flock_t{Type: unix.F_UNLCK})
		return errLocked
	}
	return nil
}

// unlockFile gives up the lock that excludes other holders of the same kind. Closing the
// file, which follows, gives up the other one.
func unlockFile(f *os.File, writable bool) {
	if writable {
		_ = fcntlLock(f, &unix.Flock_t{Type: unix.F_UNLCK})
	} else {
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	}
}

func fcntlLock(f *os.File, l *unix.Flock_t) error {
	for {
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, l); err != unix.EINTR {
			return err
		}
	}
}
