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
//
// A file that is open for reading only can have no OFD lock but a shared one,
// which excludes those who write and nobody else. Such a file is locked with
// flock(2) besides, always after the OFD lock; on NFS, where flock needs a file
// open for writing, the OFD lock is the only one.
func lockFile(f *os.File, shared bool) error {
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if shared {
		l.Type = unix.F_RDLCK
	}
	err := fcntlLock(f, &l)
	if errors.Is(err, unix.EBADF) && !shared {
		l.Type = unix.F_RDLCK
		err = fcntlLock(f, &l)
	}
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return errLocked
	case err != nil:
		return errNoLock
	}
	if l.Type == unix.F_RDLCK && errors.Is(flock(f, shared), errLocked) {
		unlockFile(f)
		return errLocked
	}
	return nil
}

// unlockFile gives up both locks. Closing the file does so as well.
func unlockFile(f *os.File) {
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	_ = fcntlLock(f, &unix.Flock_t{Type: unix.F_UNLCK})
}

func fcntlLock(f *os.File, l *unix.Flock_t) error {
	for {
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, l); err != unix.EINTR {
			return err
		}
	}
}
