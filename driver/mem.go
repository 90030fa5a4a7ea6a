package driver

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MemFS holds files in memory. Uploads are atomic, and a reader keeps the
// content it opened whatever happens to the file. It sets times and permission
// bits, which mean nothing to it otherwise. It has no limit of its own: see
// [Limit]. All methods may be called concurrently. A MemFS comes from [Mem].
type MemFS struct {
	mu   sync.RWMutex
	root *memNode
	id   uint64 // of the node made last
}

// Mem makes an empty FS in memory. It needs no Close.
func Mem() *MemFS {
	m := &MemFS{}
	m.root = m.node(true)
	return m
}

// memNode is a file or a directory. Its fields are guarded by the lock of the
// FS; what data points to never changes.
type memNode struct {
	id      uint64
	mode    fs.FileMode
	modTime time.Time
	data    memData
	entries map[string]*memNode // nil for a file
}

func (m *MemFS) node(dir bool) *memNode {
	m.id++
	n := &memNode{id: m.id, mode: 0o644, modTime: time.Now()}
	if dir {
		n.mode, n.entries = fs.ModeDir|0o755, make(map[string]*memNode)
	}
	return n
}

// find returns the node of a valid name.
func (m *MemFS) find(name string) (*memNode, error) {
	n := m.root
	for _, e := range elements(name) {
		if n.entries == nil {
			return nil, ErrNotDir
		}
		n = n.entries[e]
		if n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

// parent returns the directory that holds or may hold a name, which is not the root.
func (m *MemFS) parent(name string) (*memNode, string, error) {
	dir, err := m.find(path.Dir(name))
	if err == nil && dir.entries == nil {
		err = ErrNotDir
	}
	return dir, path.Base(name), err
}

// change runs f on the directory that holds a name, under the lock.
func (m *MemFS) change(ctx context.Context, op, name string, f func(dir *memNode, base string) error) error {
	if err := m.begin(ctx, op, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err == nil {
		err = f(dir, base)
	}
	return fail(op, name, err)
}

func (m *MemFS) begin(ctx context.Context, op, name string) error {
	if err := valid(op, name); err != nil {
		return err
	}
	if strings.IndexByte(name, 0) >= 0 {
		return fail(op, name, ErrName) // NUL is in no name on any system
	}
	return ctx.Err()
}

// WritesInPlace returns false: uploads are atomic.
func (m *MemFS) WritesInPlace(string, StoreOptions) bool { return false }

// RawNames returns true: a MemFS takes every name, UTF-8 or not.
func (m *MemFS) RawNames(string) bool { return true }

// Stat describes a file as it is at this moment.
func (m *MemFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := m.begin(ctx, "stat", name); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(name)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	return n.info(path.Base(name)), nil
}

// List yields, in order of names, the entries that were there when List began
// and still are.
func (m *MemFS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		dir, names, err := m.names(ctx, name)
		for i := 0; i < len(names) && err == nil; i++ {
			m.mu.RLock()
			var fi fs.FileInfo
			n := dir.entries[names[i]]
			if n != nil {
				fi = n.info(names[i])
			}
			m.mu.RUnlock()
			if n != nil && !yield(fi, nil) {
				return
			}
			err = ctx.Err()
		}
		if err != nil {
			yield(nil, fail("list", name, err))
		}
	}
}

func (m *MemFS) names(ctx context.Context, name string) (*memNode, []string, error) {
	if err := m.begin(ctx, "list", name); err != nil {
		return nil, nil, err
	}
	m.mu.RLock()
	dir, err := m.find(name)
	if err == nil && dir.entries == nil {
		err = ErrNotDir
	}
	if err != nil {
		m.mu.RUnlock()
		return nil, nil, err
	}
	names := make([]string, 0, len(dir.entries))
	for e := range dir.entries {
		names = append(names, e)
	}
	m.mu.RUnlock()
	slices.Sort(names)
	return dir, names, nil
}

// Open opens a file. The reader also implements [io.Seeker] and [io.WriterTo].
func (m *MemFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := m.begin(ctx, "open", name); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, err := m.find(name)
	switch {
	case err != nil:
	case n.entries != nil:
		err = ErrIsDir
	case offset < 0:
		err = fs.ErrInvalid
	case offset > n.data.size:
		err = ErrOffset
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	return &memReader{data: n.data, at: offset}, nil
}

// memInfo describes a node as it was when asked.
type memInfo struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
	id      uint64
}

func (n *memNode) info(name string) memInfo {
	return memInfo{name, n.data.size, n.mode, n.modTime, n.id}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }

// ID returns the number of the node, empty for a description that was made without a
// node.
func (i memInfo) ID() string {
	if i.id == 0 {
		return ""
	}
	return strconv.FormatUint(i.id, 16)
}
