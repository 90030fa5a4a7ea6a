package driver

import (
	"context"
	"errors"
	"io/fs"
)

// ability finds the FS whose abilities count for a name.
func (m *MountFS) ability(ctx context.Context, op, name string) (FS, string, error) {
	if err := enter(ctx, op, name); err != nil {
		return nil, "", err
	}
	if p, inner, ok := m.find(name); ok {
		return p.fsys, inner, nil
	}
	if m.isVirtual(name) {
		return nil, "", fail(op, name, errReadOnly)
	}
	return nil, "", fail(op, name, fs.ErrNotExist)
}

// SetTimes sets times if the FS of the name can.
func (m *MountFS) SetTimes(ctx context.Context, name string, t Times) error {
	fsys, inner, err := m.ability(ctx, "set times", name)
	if err != nil {
		return err
	}
	return SetTimes(ctx, fsys, inner, t)
}

// SetMode sets permission bits if the FS of the name can.
func (m *MountFS) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	fsys, inner, err := m.ability(ctx, "set mode", name)
	if err != nil {
		return err
	}
	return SetMode(ctx, fsys, inner, mode)
}

// SetGroup sets the group if the FS of the name can.
func (m *MountFS) SetGroup(ctx context.Context, name, group string) error {
	fsys, inner, err := m.ability(ctx, "set group", name)
	if err != nil {
		return err
	}
	return SetGroup(ctx, fsys, inner, group)
}

// Symlink makes a link within one FS if the FS can.
func (m *MountFS) Symlink(ctx context.Context, target, name string) error {
	if err := first(enter(ctx, "symlink", name), valid("symlink", target)); err != nil {
		return err
	}
	if m.isVirtual(name) {
		return fail("symlink", name, fs.ErrExist)
	}
	fsys, innerTarget, innerName, err := m.both("symlink", target, name)
	if err != nil {
		return err
	}
	return Symlink(ctx, fsys, innerTarget, innerName)
}

// ReadLink says where a link leads if the FS of the name can.
func (m *MountFS) ReadLink(ctx context.Context, name string) (string, error) {
	fsys, inner, err := m.ability(ctx, "readlink", name)
	if err != nil {
		return "", err
	}
	return ReadLink(ctx, fsys, inner)
}

// Space reports the free space that the FS of the name tells, and 0 where there
// is no FS.
func (m *MountFS) Space(ctx context.Context, name string) (int64, error) {
	fsys, inner, err := m.ability(ctx, "space", name)
	if errors.Is(err, errReadOnly) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return Space(ctx, fsys, inner)
}

// Checksum tells a checksum if the FS of the name can.
func (m *MountFS) Checksum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	fsys, inner, err := m.ability(ctx, "checksum", name)
	if err != nil {
		return nil, err
	}
	return Checksum(ctx, fsys, inner, algorithm, offset, length)
}

// RawNames reports whether the FS of the name takes names that are not UTF-8.
func (m *MountFS) RawNames(name string) bool {
	if !ValidName(name) {
		return false
	}
	p, inner, ok := m.find(name)
	return ok && RawNames(p.fsys, inner)
}

// WritesInPlace reports whether the FS of the name writes in place.
func (m *MountFS) WritesInPlace(name string, opts StoreOptions) bool {
	p, inner, ok := m.find(name)
	return ok && WritesInPlace(p.fsys, inner, opts)
}
