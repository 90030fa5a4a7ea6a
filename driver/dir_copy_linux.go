package driver

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// cloneUnit is a multiple of the block size of every file system that can clone.
const cloneUnit = 64 << 10

// cloneHead makes the first n bytes of dst share the blocks of src (XFS, Btrfs,
// bcachefs, ZFS), and copies the part behind the last whole cloneUnit. It reports
// false, and leaves dst as it was, if the file system can't clone or n is less than
// a unit.
func cloneHead(ctx context.Context, dst, src *os.File, n int64) (bool, error) {
	whole := n / cloneUnit * cloneUnit
	if whole == 0 {
		return false, nil
	}
	err := unix.IoctlFileCloneRange(int(dst.Fd()), &unix.FileCloneRange{
		Src_fd: int64(src.Fd()), Src_length: uint64(whole),
	})
	if err != nil {
		return false, nil
	}
	return true, copyPart(ctx, dst, src, whole, n)
}

// nextData returns the first range between at and end that is no hole of a sparse
// file; from is end if there is none.
func nextData(f *os.File, at, end int64) (from, to int64, err error) {
	from, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // nothing but a hole
		return end, end, nil
	case err != nil: // the file system doesn't know
		return at, end, nil
	case from >= end:
		return end, end, nil
	}
	to, err = unix.Seek(int(f.Fd()), from, unix.SEEK_HOLE)
	if err != nil {
		return from, end, nil
	}
	return from, min(to, end), nil
}
