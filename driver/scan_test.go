package driver_test

import (
	"context"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

// scanning lists a copy of each entry that Scan yields.
type scanning struct{ *driver.Dir }

func (s scanning) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for fi, err := range driver.Scan(ctx, s.Dir, name, false) {
			if err == nil {
				fi = keep(fi)
			}
			if !yield(fi, err) {
				return
			}
		}
	}
}

// kept is a copy of an entry, which stays valid.
type kept struct {
	name, owner, group, id string
	size                   int64
	mode                   fs.FileMode
	time                   time.Time
	dir                    bool
}

func keep(fi fs.FileInfo) kept {
	k := kept{name: strings.Clone(fi.Name()), size: fi.Size(), mode: fi.Mode(), time: fi.ModTime(), dir: fi.IsDir()}
	if o, ok := fi.(driver.FileOwner); ok {
		k.owner, k.group = o.Owner(), o.Group()
	}
	if i, ok := fi.(driver.FileID); ok {
		k.id = strings.Clone(i.ID())
	}
	return k
}

func (k kept) Name() string       { return k.name }
func (k kept) Size() int64        { return k.size }
func (k kept) Mode() fs.FileMode  { return k.mode }
func (k kept) ModTime() time.Time { return k.time }
func (k kept) IsDir() bool        { return k.dir }
func (k kept) Sys() any           { return nil }
func (k kept) Owner() string      { return k.owner }
func (k kept) Group() string      { return k.group }
func (k kept) ID() string         { return k.id }

func TestScanConforms(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS { return scanning{openDir(t, t.TempDir())} })
}

// all returns the entries of a sequence that must not fail, by name.
func all(t *testing.T, entries iter.Seq2[fs.FileInfo, error]) map[string]kept {
	m := make(map[string]kept)
	for fi, err := range entries {
		require.NoError(t, err)
		k := keep(fi)
		assert.NotContains(t, m, k.name)
		m[k.name] = k
	}
	return m
}

func TestScanIsList(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	at := func(name string) string { return filepath.Join(path, name) }
	for _, name := range []string{"a", ".hidden", ".sallyport-temporary", strings.Repeat("x", 200)} {
		require.NoError(t, os.WriteFile(at(name), []byte(name), 0o640))
	}
	require.NoError(t, os.Mkdir(at("dir"), 0o751))
	require.NoError(t, os.Chmod(at("dir"), 0o751|fs.ModeSetgid|fs.ModeSticky))
	require.NoError(t, os.Chmod(at("a"), 0o750|fs.ModeSetuid))
	require.NoError(t, os.Chtimes(at("a"), time.Time{}, time.Unix(1, 2)))
	if os.Symlink("nowhere", at("link")) == nil {
		_ = os.Link(at("a"), at("b"))
		_ = os.Chown(at("b"), 12345, 23456)
	}
	for _, owners := range []driver.Owners{driver.OwnerNames, driver.OwnerNumbers, driver.OwnersHidden} {
		d.Owners = owners
		want := all(t, d.List(t.Context(), "."))
		assert.Equal(t, want, all(t, driver.Scan(t.Context(), d, ".", false)))
		l := limit(t, d, driver.Quota{Bytes: math.MaxInt64})
		assert.Equal(t, want, all(t, driver.Scan(t.Context(), l, ".", false)))
		w := driver.WithoutWrites(d)
		assert.Equal(t, all(t, w.List(t.Context(), ".")), all(t, driver.Scan(t.Context(), w, ".", false)))
		names := all(t, driver.Scan(t.Context(), d, ".", true))
		assert.Len(t, names, len(want))
		for name := range want {
			assert.Contains(t, names, name)
		}
	}
	for _, nameOnly := range []bool{false, true} {
		for name, want := range map[string]error{"a": driver.ErrNotDir, "no": fs.ErrNotExist, "../x": fs.ErrInvalid} {
			for _, err := range driver.Scan(t.Context(), d, name, nameOnly) {
				assert.ErrorIs(t, err, want, name)
			}
		}
	}
}

// hiding is a Dir with a List of its own.
type hiding struct{ *driver.Dir }

func (hiding) List(context.Context, string) iter.Seq2[fs.FileInfo, error] {
	return func(func(fs.FileInfo, error) bool) {}
}

func TestScanSeesNoMoreThanList(t *testing.T) {
	d := openDir(t, t.TempDir())
	write(t, d, "secret", "")
	assert.Len(t, all(t, driver.Scan(t.Context(), d, ".", true)), 1)
	for _, fsys := range []driver.FS{
		hiding{d},
		hidingLimit{limit(t, d, driver.Quota{Bytes: math.MaxInt64})},
		limit(t, hiding{d}, driver.Quota{Bytes: math.MaxInt64}),
		driver.WithoutWrites(hiding{d}),
		driver.Restrict(hiding{d}, allowAll),
		struct{ driver.FS }{hiding{d}},
	} {
		assert.Empty(t, all(t, driver.Scan(t.Context(), fsys, ".", true)), "%T", fsys)
	}
}

type hidingLimit struct{ *driver.Limited }

func (hidingLimit) List(context.Context, string) iter.Seq2[fs.FileInfo, error] {
	return func(func(fs.FileInfo, error) bool) {}
}
