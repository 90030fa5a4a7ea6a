package driver

import (
	"context"
	"io/fs"
)

// CheckStore returns the error that Store would return.
func (m *MemFS) CheckStore(ctx context.Context, name string, opts StoreOptions) error {
	if err := m.begin(ctx, "store", name); err != nil {
		return err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return fail("store", name, err)
	}
	u := &memUpload{m: m, name: name, opts: opts}
	n := dir.entries[base]
	err = u.check(n)
	if err == nil && !opts.Append {
		var size int64
		if n != nil {
			size = n.data.size
		}
		err = offsetWithin(opts.Offset, size)
	}
	return fail("store", name, err)
}

// offsetWithin checks StoreOptions.Offset against the size of what is there.
func offsetWithin(offset, size int64) error {
	switch {
	case offset < 0:
		return fs.ErrInvalid
	case offset > size:
		return ErrOffset
	}
	return nil
}
