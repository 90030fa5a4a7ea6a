package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// MountFS is several FS in one tree. It comes from [Mount]. All methods may be
// called concurrently.
type MountFS struct {
	points map[string]mountPoint
	// virtual are the directories between the root and the mount points and
	// the points themselves, each with the names it has because of them.
	virtual map[string][]string
	made    time.Time
}

type mountPoint struct {
	fsys   FS
	prefix string // of IDs: two FS may use the same
}

// Mount puts each FS at the directory that is its key, a name that obeys
// [fs.ValidPath]; "." is the root, which is empty and read-only if no FS is
// mounted there. For each name the longest mount point that leads to it counts:
// what another FS has below that point is hidden, though links within that other FS
// may lead there. Mount points and the directories that lead to them appear in
// listings even if nothing else is there, and can't be removed, renamed or replaced:
// [fs.ErrPermission].
//
// Renaming and links from one FS to another are [errors.ErrUnsupported]. Abilities
// are those of the FS that a name belongs to.
//
// A key that is no valid name, and a nil FS, are errors; all of them are
// reported together. To mount an FS below itself is an error too: each file would
// have two names, and a quota on the FS would count files twice.
func Mount(at map[string]FS) (*MountFS, error) {
	m := &MountFS{points: make(map[string]mountPoint), virtual: map[string][]string{".": nil}, made: time.Now()}
	var errs []error
	for i, name := range slices.Sorted(maps.Keys(at)) {
		switch fsys := at[name]; {
		case !fs.ValidPath(name):
			errs = append(errs, fmt.Errorf("driver: mount %q: %w", name, fs.ErrInvalid))
		case fsys == nil:
			errs = append(errs, fmt.Errorf("driver: mount %q: FS is nil", name))
		default:
			if outer, ok := overlaps(at, name); ok {
				errs = append(errs, fmt.Errorf("driver: mount %q: the same FS is mounted at %q above", name, outer))
			}
			m.points[name] = mountPoint{fsys, m.prefix(fsys, i)}
			m.reveal(name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

// prefix returns the prefix of the IDs of a new mount point's files. An FS that is
// mounted twice has one prefix, so that a file is known to be the same by both names.
func (m *MountFS) prefix(fsys FS, i int) (prefix string) {
	prefix = fmt.Sprintf("m%d.", i)
	defer func() { _ = recover() }() // values that Go can't compare are taken as different
	for _, p := range m.points {
		if p.fsys == fsys {
			return p.prefix
		}
	}
	return prefix
}

// overlaps finds a mount point above name that has the same FS. Values that Go
// can't compare are taken as different.
func overlaps(at map[string]FS, name string) (outer string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	for other, fsys := range at {
		if other != name && below(name, other) && fsys == at[name] {
			return other, true
		}
	}
	return "", false
}

// reveal makes name and the directories that lead to it virtual.
func (m *MountFS) reveal(name string) {
	for ; name != "."; name = path.Dir(name) {
		if _, ok := m.virtual[name]; !ok {
			m.virtual[name] = nil
		}
		dir, base := path.Dir(name), path.Base(name)
		if !slices.Contains(m.virtual[dir], base) {
			m.virtual[dir] = append(m.virtual[dir], base)
		}
	}
}

// find returns the mount point whose FS a valid name belongs to, and the name in that
// FS. ok is false if there is none.
func (m *MountFS) find(name string) (p mountPoint, inner string, ok bool) {
	for point := name; ; point = path.Dir(point) {
		if p, ok := m.points[point]; ok {
			return p, innerName(point, name), true
		}
		if point == "." {
			return mountPoint{}, "", false
		}
	}
}

func innerName(point, name string) string {
	switch {
	case point == name:
		return "."
	case point == ".":
		return name
	}
	return strings.TrimPrefix(name, point+"/")
}

// isVirtual reports whether a name is there because of a mount point.
func (m *MountFS) isVirtual(name string) bool {
	_, ok := m.virtual[name]
	return ok
}

// Stat describes a file of the FS it belongs to.
func (m *MountFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := enter(ctx, "stat", name); err != nil {
		return nil, err
	}
	p, inner, ok := m.find(name)
	if ok {
		fi, err := p.fsys.Stat(ctx, inner)
		if err == nil && (fi.IsDir() || !m.isVirtual(name)) {
			return mounted{fi, path.Base(name), p.prefix}, nil
		}
		if !m.isVirtual(name) {
			return nil, err
		}
	}
	if !m.isVirtual(name) {
		return nil, fail("stat", name, fs.ErrNotExist)
	}
	return memInfo{name: path.Base(name), mode: fs.ModeDir | 0o555, modTime: m.made}, nil
}

// List yields the mount points in a directory first, then the other entries.
func (m *MountFS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		if err := enter(ctx, "list", name); err != nil {
			yield(nil, err)
			return
		}
		points := m.virtual[name]
		for _, base := range points {
			fi, err := m.Stat(ctx, path.Join(name, base))
			if !yield(fi, err) || err != nil {
				return
			}
		}
		p, inner, ok := m.find(name)
		if !ok {
			if !m.isVirtual(name) {
				yield(nil, fail("list", name, fs.ErrNotExist))
			}
			return
		}
		// The FS need not have a directory of that name if the directory is there
		// only because of a mount point in it.
		_, mountPoint := m.points[name]
		optional := m.isVirtual(name) && !mountPoint
		for fi, err := range p.fsys.List(ctx, inner) {
			if err != nil {
				if !optional || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrNotDir) {
					yield(nil, err)
				}
				return
			}
			if !slices.Contains(points, fi.Name()) && !yield(mounted{fi, fi.Name(), p.prefix}, nil) {
				return
			}
		}
	}
}

// Open opens a file of the FS it belongs to.
func (m *MountFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	p, inner, err := m.file(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	return p.Open(ctx, inner, offset)
}

// mounted is a file under the name it has in the whole tree.
type mounted struct {
	fs.FileInfo
	name, prefix string
}

func (i mounted) Name() string  { return i.name }
func (i mounted) Owner() string { return ownerOf(i.FileInfo) }
func (i mounted) Group() string { return groupOf(i.FileInfo) }

func (i mounted) ID() string {
	id := idOf(i.FileInfo)
	if id == "" {
		return ""
	}
	return i.prefix + id
}
