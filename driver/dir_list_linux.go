//go:build amd64 || arm64 || riscv64

package driver

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"iter"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scanBuffer holds what the system tells of a directory at once, some 800 names,
// and one of nameBuffers some 6,500: where nothing else is asked of it, longer
// calls are cheaper than more of them.
const scanBuffer = 32 << 10

var nameBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// scan is List with one buffer and one entry for all of a directory. Package os
// makes a string, a path and a FileInfo of each, which cost as much as asking
// the system and have Go collect garbage several times in a long listing.
func (d *Dir) scan(ctx context.Context, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	return d.list(ctx, name, func(f *os.File, yield func(fs.FileInfo, error) bool) error {
		var buf []byte
		if nameOnly {
			pooled := nameBuffers.Get().(*[256 << 10]byte)
			defer nameBuffers.Put(pooled)
			buf = pooled[:]
		} else {
			buf = make([]byte, scanBuffer)
		}
		dir, e := int(f.Fd()), &scanned{owners: d}
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := readDirent(dir, buf)
			if n == 0 || err != nil {
				return err
			}
			for rest := buf[:n]; len(rest) > 0; {
				var (
					name []byte // with the NUL that ends it
					kind byte
				)
				name, kind, rest = nextDirent(rest)
				e.name = unsafe.String(&name[0], len(name)-1)
				if e.name == "." || e.name == ".." || reserved(e.name) {
					continue
				}
				if !nameOnly {
					err := e.look(dir, name)
					if err == syscall.ENOENT {
						continue // vanished meanwhile
					}
					if e.unknown = err != nil; e.unknown {
						e.stat = syscall.Stat_t{Mode: uint32(kind) << 12} // as IFTODT has it
					}
				}
				if !yield(e, nil) {
					return nil
				}
			}
		}
	})
}

// look describes the entry of that name as sessions may see it.
func (e *scanned) look(dir int, name []byte) error {
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

// nextDirent cuts the first off the records of getdents64(2): the number of the
// file, an offset, the length of the record, the type and the name.
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

// lstatAt describes what has that name, which ends in NUL, in a directory. It is
// the call of package syscall without a copy of the name.
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
