package driver

import (
	"context"
	"io/fs"
	"path"
)

// file finds the FS that a file is or will be in, and its name there. The name
// of a virtual directory is ErrIsDir.
func (m *MountFS) file(ctx context.Context, op, name string) (FS, string, error) {
	if err := enter(ctx, op, name); err != nil {
		return nil, "", err
	}
	if m.isVirtual(name) {
		return nil, "", fail(op, name, ErrIsDir)
	}
	return m.inside(op, name)
}

// inside finds the FS of a name that is not virtual, and the name there. A
// virtual directory without an FS holds nothing but mount points, and nothing
// can be made in it.
func (m *MountFS) inside(op, name string) (FS, string, error) {
	p, inner, ok := m.find(name)
	switch {
	case ok:
		return p.fsys, inner, nil
	case m.isVirtual(path.Dir(name)) && (op == "store" || op == "mkdir" || op == "rename"):
		return nil, "", fail(op, name, errReadOnly)
	}
	return nil, "", fail(op, name, fs.ErrNotExist)
}

// Store begins an upload to the FS that the name belongs to.
func (m *MountFS) Store(ctx context.Context, name string, opts StoreOptions) (Upload, error) {
	fsys, inner, err := m.file(ctx, "store", name)
	if err != nil {
		return nil, err
	}
	return fsys.Store(ctx, inner, opts)
}

// CheckStore asks the FS that the name belongs to.
func (m *MountFS) CheckStore(ctx context.Context, name string, opts StoreOptions) error {
	fsys, inner, err := m.file(ctx, "store", name)
	if err != nil {
		return err
	}
	return CheckStore(ctx, fsys, inner, opts)
}

// Mkdir creates a directory. Below a directory that is there only because of a
// mount point, the parent may be missing in the FS that the name belongs to: the
// error is then [fs.ErrNotExist].
func (m *MountFS) Mkdir(ctx context.Context, name string) error {
	if err := enter(ctx, "mkdir", name); err != nil {
		return err
	}
	if m.isVirtual(name) {
		return fail("mkdir", name, fs.ErrExist)
	}
	fsys, inner, err := m.inside("mkdir", name)
	if err != nil {
		return err
	}
	return fsys.Mkdir(ctx, inner)
}

// Remove removes a file.
func (m *MountFS) Remove(ctx context.Context, name string) error {
	fsys, inner, err := m.file(ctx, "remove", name)
	if err != nil {
		return err
	}
	return fsys.Remove(ctx, inner)
}

// RemoveSame removes a file if it is still the one that was described.
func (m *MountFS) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	fsys, inner, err := m.file(ctx, "remove", name)
	if err != nil {
		return err
	}
	if m, ok := info.(mounted); ok {
		info = m.FileInfo // as that FS described it
	}
	return RemoveSame(ctx, fsys, inner, info)
}

// RemoveDir removes an empty directory, never a mount point or a directory that
// leads to one.
func (m *MountFS) RemoveDir(ctx context.Context, name string) error {
	if err := enter(ctx, "rmdir", name); err != nil {
		return err
	}
	if m.isVirtual(name) {
		return fail("rmdir", name, fs.ErrPermission)
	}
	fsys, inner, err := m.inside("rmdir", name)
	if err != nil {
		return err
	}
	return fsys.RemoveDir(ctx, inner)
}

// Rename moves a file or directory within one FS.
func (m *MountFS) Rename(ctx context.Context, from, to string) error {
	if err := enter(ctx, "rename", from); err != nil {
		return err
	}
	if err := renames(from, to); err != nil {
		return err
	}
	if m.isVirtual(from) || m.isVirtual(to) {
		return fail("rename", from, fs.ErrPermission)
	}
	fsys, oldName, newName, err := m.both("rename", from, to)
	if err != nil {
		return err
	}
	return fsys.Rename(ctx, oldName, newName)
}

// both finds the one FS that two names belong to.
func (m *MountFS) both(op, a, b string) (fsys FS, innerA, innerB string, err error) {
	fsys, innerA, err = m.inside(op, a)
	if err != nil {
		return nil, "", "", err
	}
	if _, innerB, err = m.inside(op, b); err != nil {
		return nil, "", "", err
	}
	if m.point(a) != m.point(b) {
		return nil, "", "", fail(op, a, unsupported("from one file system to another"))
	}
	return fsys, innerA, innerB, nil
}

// point returns the mount point that leads to a name.
func (m *MountFS) point(name string) string {
	for ; name != "."; name = path.Dir(name) {
		if _, ok := m.points[name]; ok {
			return name
		}
	}
	return "."
}
