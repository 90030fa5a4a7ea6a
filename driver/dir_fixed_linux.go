package driver

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// fixed returns unix.EPERM if chattr(1) has made the file base of a directory, or the
// directory itself if base is ".", immutable or, unless add is set, open for adding only.
func fixed(dir *os.File, base string, add bool) error {
	refused := uint64(unix.STATX_ATTR_IMMUTABLE)
	if !add {
		refused |= unix.STATX_ATTR_APPEND
	}
	if attributes(dir, base)&refused != 0 {
		return unix.EPERM
	}
	return nil
}

// onlyAdds reports whether chattr(1) has made a directory one in which files can be made,
// but neither renamed nor removed. It asks by the path of the directory first, which is
// quick, and believes the answer if the path leads to the directory.
func onlyAdds(dir *os.Root, path string) bool {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_NO_AUTOMOUNT, unix.STATX_INO, &st) == nil {
		if fi, err := dir.Stat("."); err == nil {
			is, ok := fi.Sys().(*syscall.Stat_t)
			if ok && is.Ino == st.Ino && is.Dev == unix.Mkdev(st.Dev_major, st.Dev_minor) {
				return st.Attributes&unix.STATX_ATTR_APPEND != 0
			}
		}
	}
	f := openToAsk(dir, ".")
	if f == nil {
		return false
	}
	defer f.Close()
	return attributes(f, ".")&unix.STATX_ATTR_APPEND != 0
}

// mountedOn reports whether something is mounted on the file base of a directory; false where
// the system doesn't tell, as before Linux 5.8.
func mountedOn(dir *os.File, base string) bool {
	return attributes(dir, base)&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// attributes returns what chattr(1) has set for the file base of a directory, or for the
// directory itself if base is ".", and whether the file is a mount point; 0 if the system
// doesn't tell.
func attributes(dir *os.File, base string) uint64 {
	var st unix.Statx_t
	if dir == nil || unix.Statx(int(dir.Fd()), base, unix.AT_SYMLINK_NOFOLLOW, 0, &st) != nil {
		return 0
	}
	return st.Attributes
}

// sticky returns unix.EPERM for a file of another user in a directory where only the
// owners of a file and of the directory may rename something over the file.
func sticky(dir, file fs.FileInfo) error {
	if dir.Mode()&fs.ModeSticky == 0 {
		return nil
	}
	a, ok1 := dir.Sys().(*syscall.Stat_t)
	b, ok2 := file.Sys().(*syscall.Stat_t)
	uid := actingUser()
	if !ok1 || !ok2 || uid == a.Uid || uid == b.Uid || mayForAll() {
		return nil
	}
	return unix.EPERM
}

// actingUser returns the user for whom the system takes this thread when it looks at files.
func actingUser() uint32 {
	uid, err := unix.SetfsuidRetUid(-1) // changes nothing
	if err != nil {                     // a seccomp filter may refuse the call, and so any change as well
		return uint32(unix.Geteuid())
	}
	return uint32(uid)
}

// mayForAll reports whether the system takes this process for the owner of every file
// (CAP_FOWNER), or can't tell.
func mayForAll() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&head, &data[0]) != nil || data[0].Effective&(1<<unix.CAP_FOWNER) != 0
}
