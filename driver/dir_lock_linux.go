package driver

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks all of a file without waiting. An OFD lock belongs to the open
// file, unlike the older POSIX locks, which a process loses when it closes
// anything that leads to the same file. Other programs that lock files with
// fcntl(2) are excluded as well.
func lockFile(f *os.File, shared bool) error {
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if shared {
		l.Type = unix.F_RDLCK
	}
	err := fcntlLock(f, &l)
	if errors.Is(err, unix.EBADF) && !shared {
		l.Type = unix.F_RDLCK // it is open for reading only
		err = fcntlLock(f, &l)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return errLocked
	}
	return errNoLock
}

// unlockFile gives up the lock. Closing the file does so as well.
func unlockFile(f *os.File) { _ = fcntlLock(f, &unix.Flock_t{Type: unix.F_UNLCK}) }

func fcntlLock(f *os.File, l *unix.Flock_t) error {
	for {
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, l); err != unix.EINTR {
			return err
		}
	}
}
