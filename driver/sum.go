package driver

import (
	"context"
)

// A Summer is an FS that can tell the checksum of a file with less work than
// reading it, because its store keeps one (HASH, XMD5, XSHA256 and so on). The
// algorithm is SHA-256, SHA-1, SHA-512, MD5 or CRC32, the part of the file is
// length bytes from offset on, and a negative length reaches to the end. What it
// can't tell, another part than the whole for instance, is
// errors.ErrUnsupported: the server then reads the file.
type Summer interface {
	Sum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error)
}

// Sum asks the first FS behind fsys that is a Summer. Without one the error is
// errors.ErrUnsupported.
func Sum(ctx context.Context, fsys FS, name, algorithm string, offset, length int64) ([]byte, error) {
	if s, ok := as[Summer](fsys); ok {
		return s.Sum(ctx, name, algorithm, offset, length)
	}
	return nil, unsupported("checksums")
}

// Sum tells a checksum if the FS can.
func (l *Limited) Sum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	return Sum(ctx, l.fsys, name, algorithm, offset, length)
}

func (w *noWrite) Sum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	return Sum(ctx, w.fsys, name, algorithm, offset, length)
}

// Sum tells a checksum if the FS of the name can.
func (m *MountFS) Sum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	fsys, inner, err := m.ability(ctx, "sum", name)
	if err != nil {
		return nil, err
	}
	return Sum(ctx, fsys, inner, algorithm, offset, length)
}
