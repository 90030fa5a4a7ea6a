//go:build amd64 || arm64 || riscv64

package driver

import (
	"io/fs"
	"syscall"
	"time"
	"unsafe"
)

// scanned is the entry that a scan yields, the same one for each name. It implements
// FileOwner and FileID.
type scanned struct {
	name        string // in the buffer of the scan
	stat        syscall.Stat_t
	id          [maxID]byte
	unknown     bool // the system told only name and type (EACCES, ESTALE)
	owners      *Dir
	user, group lastOwner
}

func (e *scanned) Name() string      { return e.name }
func (e *scanned) Size() int64       { return e.stat.Size }
func (e *scanned) Mode() fs.FileMode { return fileMode(e.stat.Mode) }
func (e *scanned) IsDir() bool       { return e.Mode().IsDir() }
func (e *scanned) Sys() any          { return &e.stat }

func (e *scanned) ModTime() time.Time {
	if e.unknown {
		return time.Time{}
	}
	return time.Unix(e.stat.Mtim.Unix())
}

func (e *scanned) ID() string {
	if e.unknown {
		return ""
	}
	id := appendID(e.id[:0], &e.stat)
	return unsafe.String(&id[0], len(id))
}

func (e *scanned) Owner() string {
	if e.unknown {
		return ""
	}
	return e.user.name(e.stat.Uid, e.owners.owner)
}

func (e *scanned) Group() string {
	if e.unknown {
		return ""
	}
	return e.group.name(e.stat.Gid, e.owners.group)
}

// lastOwner keeps the name of the last entry's owner, since neighbours mostly have
// the same.
type lastOwner struct {
	id    uint32
	text  string
	known bool
}

func (l *lastOwner) name(id uint32, of func(uint32) string) string {
	if !l.known || l.id != id {
		*l = lastOwner{id, of(id), true}
	}
	return l.text
}

// fileMode converts a mode of the system to an fs.FileMode.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode).Perm()
	switch mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		m |= fs.ModeDir
	case syscall.S_IFLNK:
		m |= fs.ModeSymlink
	case syscall.S_IFIFO:
		m |= fs.ModeNamedPipe
	case syscall.S_IFSOCK:
		m |= fs.ModeSocket
	case syscall.S_IFBLK:
		m |= fs.ModeDevice
	case syscall.S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	}
	if mode&syscall.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if mode&syscall.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&syscall.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}
