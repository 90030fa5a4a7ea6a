//go:build amd64 || arm64 || riscv64

package driver

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"iter"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scan lists a directory with lent buffers and one entry for all names. Package os makes
// a string, a path and a FileInfo for each name, which costs as much as asking the
// system and makes Go collect garbage several times in a long listing.
func (d *Dir) scan(ctx context.Context, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	return d.list(ctx, name, func(f *os.File, yield func(fs.FileInfo, error) bool) error {
		s := dirScan{dir: int(f.Fd()), nameOnly: nameOnly, entry: scanned{owners: d}, yield: yield}
		for more := true; more; {
			err := ctx.Err()
			if err == nil {
				more, err = s.batch()
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// dirScan is a scan of a directory that is open.
type dirScan struct {
	dir      int
	nameOnly bool
	entry    scanned
	yield    func(fs.FileInfo, error) bool
}

// batch reads one batch of entries and yields those that are listed. It reports false
// at the end of the directory or when the caller of the scan wants no more. Each batch
// takes a buffer anew: a scan that began with a small buffer goes on with a full one
// when there is one.
func (s *dirScan) batch() (more bool, err error) {
	from := &scanBuffers
	if s.nameOnly {
		from = &nameBuffers
	}
	buf := from.take()
	defer from.give(buf)
	n, err := readDirent(s.dir, *buf)
	if n == 0 || err != nil {
		return false, err
	}
	for rest := (*buf)[:n]; len(rest) > 0; {
		var (
			name []byte // with the NUL that ends it
			kind byte
		)
		name, kind, rest = nextDirent(rest)
		if s.describe(name, kind) && !s.yield(&s.entry, nil) {
			return false, nil
		}
	}
	return true, nil
}

// describe fills the entry for a name, and reports whether the entry is listed.
func (s *dirScan) describe(name []byte, kind byte) bool {
	e := &s.entry
	e.name = unsafe.String(&name[0], len(name)-1)
	if e.name == "." || e.name == ".." || reserved(e.name) {
		return false
	}
	if s.nameOnly {
		return true
	}
	err := e.describe(s.dir, name)
	if err == syscall.ENOENT {
		return false // vanished meanwhile
	}
	if e.unknown = err != nil; e.unknown {
		e.stat = syscall.Stat_t{Mode: uint32(kind) << 12} // as IFTODT has it
	}
	return true
}

// describe asks the system about the entry of that name, with the size that sessions may
// see.
func (e *scanned) describe(dir int, name []byte) error {
	return growing.settled(func() error {
		err := lstatAt(dir, name, &e.stat)
		if err != nil {
			return err
		}
		if size, ok := growing.size(e.ID); ok {
			e.stat.Size = size
		}
		return nil
	})
}

// nextDirent splits the first record off those of getdents64(2): the number of the file,
// an offset, the length of the record, the type and the name.
func nextDirent(records []byte) (name []byte, kind byte, rest []byte) {
	const lengthAt, kindAt, nameAt, align = 16, 18, 19, 8
	length := int(binary.NativeEndian.Uint16(records[lengthAt:]))
	// The NUL is in the last eight bytes, to which the record is filled up.
	padded := max(nameAt, length-align)
	return records[nameAt : padded+bytes.IndexByte(records[padded:length], 0)+1], records[kindAt], records[length:]
}

func readDirent(dir int, buf []byte) (n int, err error) {
	for {
		if n, err = syscall.ReadDirent(dir, buf); err != syscall.EINTR {
			return n, os.NewSyscallError("getdents64", err)
		}
	}
}

// lstatAt calls lstat for a name in an open directory. The name ends in NUL and so needs
// no copy, unlike with package syscall.
func lstatAt(dir int, name []byte, st *syscall.Stat_t) error {
	for {
		_, _, errno := syscall.Syscall6(unix.SYS_NEWFSTATAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
			uintptr(unsafe.Pointer(st)), unix.AT_SYMLINK_NOFOLLOW, 0, 0)
		switch errno {
		case 0:
			return nil
		case syscall.EINTR:
		default:
			return errno
		}
	}
}
