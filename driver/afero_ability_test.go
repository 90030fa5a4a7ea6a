package driver_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

// libDriver is a driver that was written for ftpserverlib: an afero.Fs with some
// more methods, which opens no directory and whose Remove is for files.
type libDriver struct {
	afero.Fs
	calls *[]string
}

func (d libDriver) called(what string) { *d.calls = append(*d.calls, what) }

func (d libDriver) Open(name string) (afero.File, error) {
	if fi, err := d.Stat(name); err == nil && fi.IsDir() {
		return nil, errors.New("not implemented: Open of a directory")
	}
	return d.Fs.Open(name)
}

func (d libDriver) Remove(name string) error {
	if fi, err := d.Stat(name); err == nil && fi.IsDir() {
		return errors.New("not implemented: Remove of a directory")
	}
	return d.Fs.Remove(name)
}

func (d libDriver) RemoveDir(name string) error {
	d.called("RemoveDir " + name)
	return d.Fs.Remove(name)
}

func (d libDriver) ReadDir(name string) ([]os.FileInfo, error) { return afero.ReadDir(d.Fs, name) }

func (d libDriver) GetAvailableSpace(dirName string) (int64, error) {
	d.called("GetAvailableSpace " + dirName)
	return 1234, nil
}

func (d libDriver) Symlink(oldname, newname string) error {
	d.called("Symlink " + oldname + " " + newname)
	return d.Fs.(afero.Linker).SymlinkIfPossible(oldname, newname)
}

// together is a libDriver that records no calls, because drivertest calls it from
// several goroutines.
type together struct{ libDriver }

func (d together) RemoveDir(name string) error             { return d.Fs.Remove(name) }
func (d together) GetAvailableSpace(string) (int64, error) { return 1234, nil }
func (d together) Symlink(oldname, newname string) error {
	return d.Fs.(afero.Linker).SymlinkIfPossible(oldname, newname)
}

func TestAferoLibDriverConforms(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS {
		return driver.Afero(together{libDriver{Fs: afero.NewBasePathFs(afero.NewOsFs(), t.TempDir())}})
	})
}

func TestAferoFindsMethods(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	var calls []string
	f := driver.Afero(libDriver{afero.NewBasePathFs(afero.NewOsFs(), t.TempDir()), &calls})
	ctx := t.Context()
	require.NoError(t, f.Mkdir(ctx, "d"))
	require.NoError(t, f.Mkdir(ctx, "d/e"))
	write(t, f, "d/a", "x")
	assert.Equal(t, []string{"a", "e"}, slices.Sorted(slices.Values(names(t, f, "d"))), "ReadDir, as Open of a directory is not implemented")
	assert.ErrorIs(t, f.RemoveDir(ctx, "d"), driver.ErrNotEmpty)
	require.NoError(t, f.RemoveDir(ctx, "d/e"))
	for _, name := range []string{"d", "d/a"} {
		n, err := driver.Space(ctx, f, name)
		require.NoError(t, err)
		assert.EqualValues(t, 1234, n)
	}
	_, err := driver.Space(ctx, f, "missing")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, driver.Symlink(ctx, f, "d/a", "link"))
	assert.ErrorIs(t, driver.Symlink(ctx, f, "d/a", "link"), fs.ErrExist)
	assert.ErrorIs(t, driver.Symlink(ctx, f, "d/a", "missing/link"), fs.ErrNotExist)
	assert.Equal(t, []string{"RemoveDir /d/e", "GetAvailableSpace /d", "GetAvailableSpace /d", "Symlink /d/a /link"}, calls)
	assert.Equal(t, "x", read(t, f, "link"))
}

// An afero.Fs without the methods of libDriver has no abilities but those of
// afero.
func TestAferoWithoutMethods(t *testing.T) {
	ctx := t.Context()
	for name, fsys := range map[string]afero.Fs{"memory": afero.NewMemMapFs(), "read-only": afero.NewReadOnlyFs(afero.NewOsFs())} {
		f := driver.Afero(fsys)
		_, err := driver.Space(ctx, f, ".")
		assert.ErrorIs(t, err, errors.ErrUnsupported, name)
		assert.ErrorIs(t, driver.Symlink(ctx, f, "a", "no such link"), errors.ErrUnsupported, name)
	}
	_, err := driver.ReadLink(ctx, driver.Afero(afero.NewMemMapFs()), "a")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	based := driver.Afero(afero.NewBasePathFs(afero.NewMemMapFs(), "/"))
	_, err = driver.ReadLink(ctx, based, "a")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}

// ReadLink tells where a link leads within the tree and refuses any other link:
// clients must not learn the paths above the base.
func TestAferoReadLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	top := t.TempDir()
	base := filepath.Join(top, "base")
	require.NoError(t, os.MkdirAll(filepath.Join(base, "d", "e"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(base, "d", "a"), nil, 0o644))
	f := driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), base))
	for target, want := range map[string]string{
		"a":                         "a",
		"../x":                      "../x",
		filepath.Join(base, "d/a"):  "a",
		filepath.Join(base, "x"):    "../x",
		base:                        "..",
		"../../above":               "",
		top:                         "",
		filepath.Join(top, "basex"): "",
		"/etc/passwd":               "",
	} {
		link := filepath.Join(base, "d", "link")
		require.NoError(t, os.Symlink(target, link))
		got, err := driver.ReadLink(t.Context(), f, "d/link")
		if want == "" {
			assert.ErrorIs(t, err, fs.ErrPermission, target)
		} else {
			assert.NoError(t, err, target)
		}
		assert.Equal(t, want, got, target)
		require.NoError(t, f.Remove(t.Context(), "d/link"))
	}
	for _, name := range []string{"d/a", "d"} {
		_, err := driver.ReadLink(t.Context(), f, name)
		assert.Error(t, err, "no link")
	}
}

// A link to a directory is removed as a link, alone.
func TestAferoRemovesLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	f := driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), t.TempDir()))
	ctx := t.Context()
	require.NoError(t, f.Mkdir(ctx, "d"))
	require.NoError(t, driver.Symlink(ctx, f, "d", "link"))
	assert.ErrorIs(t, f.RemoveDir(ctx, "link"), driver.ErrNotDir)
	require.NoError(t, f.Remove(ctx, "link"))
	assert.Equal(t, []string{"d"}, names(t, f, "."))
}
