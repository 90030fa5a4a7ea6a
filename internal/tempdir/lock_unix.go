//go:build linux || darwin || freebsd || dragonfly || netbsd || openbsd

package tempdir

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock locks a directory that was just made. Where the file system can't lock,
// no other process can either, so none sweeps the directory. taken reports that
// a sweep was quicker.
func lock(dir string) (unlock func(), taken bool) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, os.IsNotExist(err)
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
	case nil:
	case unix.EWOULDBLOCK:
		f.Close()
		return nil, true
	default:
		return func() { f.Close() }, false
	}
	if !same(f, dir) {
		f.Close()
		return nil, true
	}
	return func() { f.Close() }, false
}

// abandoned locks a directory of this user that nobody has locked.
func abandoned(dir string) (unlock func(), ok bool) {
	fi, err := os.Lstat(dir)
	if err != nil || !fi.IsDir() || fi.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()) {
		return nil, false
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, false
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil || !same(f, dir) {
		f.Close()
		return nil, false
	}
	return func() { f.Close() }, true
}

// same reports whether the name still leads to the open directory.
func same(f *os.File, dir string) bool {
	is, err1 := f.Stat()
	now, err2 := os.Lstat(dir)
	return err1 == nil && err2 == nil && os.SameFile(is, now)
}
