//go:build darwin || freebsd || dragonfly || netbsd || openbsd

package driver

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks a file without waiting. These systems have no OFD locks, and
// POSIX locks are lost too easily.
func lockFile(f *os.File, _, shared bool) error { return flock(f, shared) }

// unlockFile gives up the lock. Closing the file does so as well.
func unlockFile(f *os.File, _ bool) { _ = unix.Flock(int(f.Fd()), unix.LOCK_UN) }
