package driver_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func mount(t *testing.T, at map[string]driver.FS) driver.FS {
	m, err := driver.Mount(at)
	require.NoError(t, err)
	return m
}

func sorted(t *testing.T, fsys driver.FS, dir string) []string {
	all := names(t, fsys, dir)
	slices.Sort(all)
	return all
}

func TestMountListsPoints(t *testing.T) {
	root, in, out := driver.Mem(), driver.Mem(), driver.Mem()
	write(t, root, "readme", "r")
	write(t, root, "deep", "a file where a directory has to be")
	require.NoError(t, root.Mkdir(t.Context(), "in"))
	write(t, root, "in/hidden", "h")
	write(t, in, "order", "o")
	m := mount(t, map[string]driver.FS{".": root, "in": in, "deep/down/out": out})
	assert.Equal(t, []string{"deep", "in", "readme"}, sorted(t, m, "."))
	assert.Equal(t, []string{"order"}, sorted(t, m, "in"))
	assert.Equal(t, []string{"down"}, sorted(t, m, "deep"))
	assert.Equal(t, []string{"out"}, sorted(t, m, "deep/down"))
	assert.Empty(t, sorted(t, m, "deep/down/out"))
	for _, dir := range []string{".", "in", "deep", "deep/down", "deep/down/out"} {
		fi, err := m.Stat(t.Context(), dir)
		require.NoError(t, err, dir)
		assert.True(t, fi.IsDir(), dir)
	}
	write(t, m, "deep/down/out/f", "x")
	assert.Equal(t, "x", read(t, out, "f"))
	_, err := m.Stat(t.Context(), "in/hidden")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestMountWithoutRoot(t *testing.T) {
	m := mount(t, map[string]driver.FS{"a/b": driver.Mem(), "c": driver.Mem()})
	assert.Equal(t, []string{"a", "c"}, sorted(t, m, "."))
	for _, name := range []string{"new", "a/new"} {
		assert.ErrorIs(t, m.Mkdir(t.Context(), name), fs.ErrPermission)
		assert.ErrorIs(t, store(t.Context(), m, name, "", driver.StoreOptions{}), fs.ErrPermission)
		_, err := m.Stat(t.Context(), name)
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
	assert.ErrorIs(t, m.Mkdir(t.Context(), "x/y"), fs.ErrNotExist)
	n, err := driver.Space(t.Context(), m, "a")
	assert.NoError(t, err)
	assert.Zero(t, n)
}

func TestMountPointsStay(t *testing.T) {
	root := driver.Mem()
	m := mount(t, map[string]driver.FS{".": root, "a/b": driver.Mem()})
	write(t, m, "f", "x")
	require.NoError(t, m.Mkdir(t.Context(), "d"))
	for _, name := range []string{"a", "a/b"} {
		ctx := t.Context()
		assert.ErrorIs(t, m.RemoveDir(ctx, name), fs.ErrPermission, name)
		assert.ErrorIs(t, m.Remove(ctx, name), driver.ErrIsDir, name)
		assert.ErrorIs(t, m.Rename(ctx, name, "c"), fs.ErrPermission, name)
		assert.ErrorIs(t, m.Rename(ctx, "d", name), fs.ErrPermission, name)
		assert.ErrorIs(t, m.Rename(ctx, "f", name), fs.ErrPermission, name)
		assert.ErrorIs(t, m.Mkdir(ctx, name), fs.ErrExist, name)
		assert.ErrorIs(t, store(ctx, m, name, "", driver.StoreOptions{}), driver.ErrIsDir, name)
		_, err := m.Open(ctx, name, 0)
		assert.ErrorIs(t, err, driver.ErrIsDir, name)
	}
}

func TestMountDoesNotMix(t *testing.T) {
	a, b := openDir(t, t.TempDir()), driver.Mem()
	m := mount(t, map[string]driver.FS{"a": a, "b": b})
	write(t, m, "a/f", "x")
	assert.ErrorIs(t, m.Rename(t.Context(), "a/f", "b/f"), errors.ErrUnsupported)
	assert.Equal(t, "x", read(t, m, "a/f"))
	assert.ErrorIs(t, driver.Symlink(t.Context(), m, "b/f", "a/link"), errors.ErrUnsupported)
	require.NoError(t, driver.SetMode(t.Context(), m, "a/f", 0o600))
	assert.ErrorIs(t, driver.SetGroup(t.Context(), m, "b", "0"), errors.ErrUnsupported)
	assert.ErrorIs(t, driver.SetMode(t.Context(), m, ".", 0o600), fs.ErrPermission)
	require.NoError(t, m.Rename(t.Context(), "a/f", "a/g"))
}

func TestMountErrors(t *testing.T) {
	one := driver.Mem()
	_, err := driver.Mount(map[string]driver.FS{"/a": driver.Mem(), "b": nil, "c": one, "c/d": one, "": driver.Mem()})
	for _, want := range []string{`"/a"`, `"b": FS is nil`, `"c/d": the same FS is mounted at "c"`, `mount ""`} {
		assert.ErrorContains(t, err, want)
	}
	m, err := driver.Mount(nil)
	require.NoError(t, err)
	assert.Empty(t, names(t, m, "."))
}

func TestMountIDsDiffer(t *testing.T) {
	a, b := driver.Mem(), driver.Mem()
	write(t, a, "f", "")
	write(t, b, "f", "")
	m := mount(t, map[string]driver.FS{"a": a, "b": b})
	id := func(name string) string {
		fi, err := m.Stat(t.Context(), name)
		require.NoError(t, err)
		return fi.(driver.FileID).ID()
	}
	assert.NotEmpty(t, id("a/f"))
	assert.NotEqual(t, id("a/f"), id("b/f"))
	assert.NotEqual(t, id("a"), id("b"))
}
