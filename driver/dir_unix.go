//go:build unix

package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// rawNames says that names are bytes, except on Apple's file systems.
const rawNames = runtime.GOOS != "darwin" && runtime.GOOS != "ios"

const (
	// noBlock keeps the opening of a FIFO from waiting for the other end, and
	// the opening of a terminal from making the terminal ours. noBlock has no
	// effect on regular files.
	noBlock = syscall.O_NONBLOCK | syscall.O_NOCTTY
	onlyDir = syscall.O_DIRECTORY
)

func errnoKind(errno syscall.Errno) error {
	switch errno {
	case syscall.EISDIR:
		return ErrIsDir
	case syscall.ENOTDIR:
		return ErrNotDir
	case syscall.ENOTEMPTY:
		return ErrNotEmpty
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return ErrQuota
	case syscall.ENAMETOOLONG, syscall.EILSEQ:
		return ErrName
	case syscall.EROFS, syscall.ENXIO, syscall.ELOOP:
		return fs.ErrPermission
	case syscall.EBUSY, syscall.ETXTBSY:
		return ErrBusy
	case syscall.EINVAL:
		return fs.ErrInvalid
	case syscall.EXDEV:
		return errors.ErrUnsupported
	}
	return nil
}

// lookupGroup takes a name or a number; a group may have a name of digits, and
// then the name wins as it does in chgrp.
func lookupGroup(group string) (int, error) {
	g, err := user.LookupGroup(group)
	if err == nil {
		return strconv.Atoi(g.Gid)
	}
	gid, nan := strconv.ParseUint(group, 10, 31)
	if nan != nil {
		return 0, fmt.Errorf("group: %w", fs.ErrNotExist)
	}
	return int(gid), nil
}

// ownLike gives f the owner and group of the file it replaces as far as the
// process may.
func ownLike(f *os.File, old fs.FileInfo) {
	was, ok := old.Sys().(*syscall.Stat_t)
	fi, err := f.Stat()
	if !ok || err != nil {
		return
	}
	is, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || is.Uid == was.Uid && is.Gid == was.Gid {
		return
	}
	if f.Chown(int(was.Uid), int(was.Gid)) != nil {
		_ = f.Chown(-1, int(was.Gid))
	}
}

// linked reports whether an open file has a name.
func linked(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return !ok || st.Nlink > 0
}

// openForSync opens a directory for syncDir.
func openForSync(dir *os.Root) (*os.File, error) { return openDirectory(dir, ".") }

// syncDir makes the changes in a directory durable. Some file systems don't
// sync directories, and say so by EINVAL.
func syncDir(dir *os.File) error {
	err := dir.Sync()
	if errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

func (i dirInfo) uid() (uint32, bool) {
	st, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Uid, true
}

func (i dirInfo) gid() (uint32, bool) {
	st, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Gid, true
}

// sysID returns the device and inode number.
func sysID(fi fs.FileInfo) string {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return string(appendID(make([]byte, 0, maxID), st))
}

// maxID is the most that appendID appends.
const maxID = 16 + 1 + 16

func appendID(dst []byte, st *syscall.Stat_t) []byte {
	dst = append(strconv.AppendUint(dst, uint64(st.Dev), 16), 'g')
	return strconv.AppendUint(dst, uint64(st.Ino), 16)
}
