package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Mkdir creates a directory.
func (m *MemFS) Mkdir(ctx context.Context, name string) error {
	return m.change(ctx, "mkdir", name, func(dir *memNode, base string) error {
		if name == "." || dir.entries[base] != nil {
			return fs.ErrExist
		}
		dir.put(base, m.node(true))
		return nil
	})
}

// Remove removes a file.
func (m *MemFS) Remove(ctx context.Context, name string) error {
	return m.remove(ctx, name, func(fs.FileInfo) bool { return true })
}

// RemoveSame removes a file if it is still the one that was described.
func (m *MemFS) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	return m.remove(ctx, name, func(is fs.FileInfo) bool { return sameFile(info, is) })
}

// remove removes a file if right agrees with its description, and else returns
// ErrChanged.
func (m *MemFS) remove(ctx context.Context, name string, right func(fs.FileInfo) bool) error {
	return m.change(ctx, "remove", name, func(dir *memNode, base string) error {
		n := dir.entries[base]
		switch {
		case name == "." || n != nil && n.entries != nil:
			return ErrIsDir
		case n == nil:
			return fs.ErrNotExist
		case !right(n.info(base)):
			return ErrChanged
		}
		dir.put(base, nil)
		return nil
	})
}

// RemoveDir removes an empty directory.
func (m *MemFS) RemoveDir(ctx context.Context, name string) error {
	return m.change(ctx, "rmdir", name, func(dir *memNode, base string) error {
		n := dir.entries[base]
		switch {
		case name == ".":
			return fs.ErrPermission
		case n == nil:
			return fs.ErrNotExist
		case n.entries == nil:
			return ErrNotDir
		case len(n.entries) > 0:
			return ErrNotEmpty
		}
		dir.put(base, nil)
		return nil
	})
}

// Rename moves a file or directory.
func (m *MemFS) Rename(ctx context.Context, from, to string) error {
	if err := renames(from, to); err != nil {
		return err
	}
	return m.change(ctx, "rename", from, func(dir *memNode, base string) error {
		n := dir.entries[base]
		if n == nil {
			return fs.ErrNotExist
		}
		toDir, toBase, err := m.parent(to)
		if err != nil || from == to {
			return err
		}
		if old := toDir.entries[toBase]; old != nil && (old.entries != nil || n.entries != nil) {
			return fs.ErrExist
		}
		dir.put(base, nil)
		toDir.put(toBase, n)
		return nil
	})
}

// put gives a name in a directory to a node; a nil node removes the name.
func (n *memNode) put(base string, e *memNode) {
	if e == nil {
		delete(n.entries, base)
	} else {
		n.entries[base] = e
	}
	n.modTime = time.Now()
}

// SetTimes sets the time of modification. The time of access is not kept and
// that of creation is [errors.ErrUnsupported].
func (m *MemFS) SetTimes(ctx context.Context, name string, t Times) error {
	if !t.Create.IsZero() {
		return fail("set times", name, fmt.Errorf("time of creation: %w", errors.ErrUnsupported))
	}
	return m.set(ctx, "set times", name, func(n *memNode) {
		if !t.Modify.IsZero() {
			n.modTime = t.Modify
		}
	})
}

// SetMode sets permission bits.
func (m *MemFS) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	return m.set(ctx, "set mode", name, func(n *memNode) {
		n.mode = n.mode.Type() | mode.Perm()
	})
}

func (m *MemFS) set(ctx context.Context, op, name string, f func(*memNode)) error {
	if err := m.begin(ctx, op, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err == nil {
		f(n)
	}
	return fail(op, name, err)
}
