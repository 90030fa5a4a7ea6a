package driver

import (
	"context"
	"errors"
	"io/fs"
	"iter"
)

// Space reports how many bytes may still be stored.
func (l *Limited) Space(ctx context.Context, name string) (int64, error) {
	if err := enter(ctx, "space", name); err != nil {
		return 0, err
	}
	l.mu.Lock()
	left := l.left().bytes
	l.unlock()
	switch n, err := Space(ctx, l.fsys, name); {
	case errors.Is(err, errors.ErrUnsupported):
		return left, nil
	case err != nil:
		return 0, err
	default:
		return min(left, n), nil
	}
}

// Scan lists a directory as the wrapped FS does.
func (l *Limited) Scan(ctx context.Context, self FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	if self != FS(l) {
		return self.List(ctx, name)
	}
	return Scan(ctx, l.fsys, name, nameOnly)
}

// SetTimes sets times if the FS can.
func (l *Limited) SetTimes(ctx context.Context, name string, t Times) error {
	return SetTimes(ctx, l.fsys, name, t)
}

// SetMode sets permission bits if the FS can.
func (l *Limited) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	return SetMode(ctx, l.fsys, name, mode)
}

// SetGroup sets the group if the FS can.
func (l *Limited) SetGroup(ctx context.Context, name, group string) error {
	return SetGroup(ctx, l.fsys, name, group)
}

// ReadLink says where a link leads if the FS can.
func (l *Limited) ReadLink(ctx context.Context, name string) (string, error) {
	return ReadLink(ctx, l.fsys, name)
}

// Checksum tells a checksum if the FS can.
func (l *Limited) Checksum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	return Checksum(ctx, l.fsys, name, algorithm, offset, length)
}

// RawNames reports whether the wrapped FS takes names that are not UTF-8.
func (l *Limited) RawNames(name string) bool { return RawNames(l.fsys, name) }

// WritesInPlace reports whether uploads to the wrapped FS are in place.
func (l *Limited) WritesInPlace(name string, opts StoreOptions) bool {
	return WritesInPlace(l.fsys, name, opts)
}
