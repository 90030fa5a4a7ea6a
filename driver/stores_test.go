package driver_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// stores returns the drivers that keep files themselves, each with a file a of four
// bytes and a directory d that has a file.
func stores(t *testing.T) map[string]driver.FS {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	all := map[string]driver.FS{
		"dir": openDir(t, t.TempDir()), "dir in place": inPlace, "mem": driver.Mem(), "afero": driver.Afero(afero.NewMemMapFs()),
	}
	for _, fsys := range all {
		write(t, fsys, "a", "0123")
		require.NoError(t, fsys.Mkdir(t.Context(), "d"))
		write(t, fsys, "d/f", "x")
	}
	return all
}

// CheckStore of each driver refuses what Store refuses. This test is needed because
// drivertest takes an FS that never refuses for one without CheckStore.
func TestStoresCheck(t *testing.T) {
	for name, fsys := range stores(t) {
		t.Run(name, func(t *testing.T) {
			check := func(name string, opts driver.StoreOptions) error {
				return driver.CheckStore(t.Context(), fsys, name, opts)
			}
			assert.NoError(t, check("a", driver.StoreOptions{}))
			assert.NoError(t, check("b", driver.StoreOptions{}))
			assert.NoError(t, check("a", driver.StoreOptions{Offset: 4}))
			assert.NoError(t, check("a", driver.StoreOptions{Append: true, Offset: 5}))
			assert.ErrorIs(t, check("a", driver.StoreOptions{Offset: 5}), driver.ErrOffset)
			assert.ErrorIs(t, check("b", driver.StoreOptions{Offset: 1}), driver.ErrOffset)
			assert.ErrorIs(t, check("a", driver.StoreOptions{Exclusive: true}), fs.ErrExist)
			assert.ErrorIs(t, check("d", driver.StoreOptions{}), driver.ErrIsDir)
			assert.ErrorIs(t, check("d", driver.StoreOptions{Append: true}), driver.ErrIsDir)
			assert.ErrorIs(t, check("missing/b", driver.StoreOptions{}), fs.ErrNotExist)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			assert.ErrorIs(t, driver.CheckStore(ended, fsys, "a", driver.StoreOptions{}), context.Canceled)
		})
	}
}

// An upload takes no more calls after Commit or Close.
func TestStoresCommitOnce(t *testing.T) {
	for name, fsys := range stores(t) {
		t.Run(name, func(t *testing.T) {
			for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 2}} {
				u := begun(t, fsys, "a", "new", opts)
				require.NoError(t, u.Commit())
				committed := read(t, fsys, "a")
				assert.ErrorIs(t, u.Commit(), fs.ErrClosed)
				_, err := u.Write([]byte("x"))
				assert.ErrorIs(t, err, fs.ErrClosed)
				require.NoError(t, u.Close(nil))
				assert.ErrorIs(t, u.Commit(), fs.ErrClosed)
				assert.Equal(t, committed, read(t, fsys, "a"))

				u = begun(t, fsys, "b", "new", driver.StoreOptions{})
				require.NoError(t, u.Close(errors.New("cut")))
				assert.ErrorIs(t, u.Commit(), fs.ErrClosed)
			}
		})
	}
}

// RemoveSame removes files only.
func TestStoresRemoveSame(t *testing.T) {
	for name, fsys := range stores(t) {
		t.Run(name, func(t *testing.T) {
			for _, name := range []string{"d", "."} {
				fi, err := fsys.Stat(t.Context(), name)
				require.NoError(t, err)
				assert.Error(t, driver.RemoveSame(t.Context(), fsys, name, fi))
			}
			assert.Equal(t, "x", read(t, fsys, "d/f"))
		})
	}
}

// An append works when the old part and the new one are longer than one step of
// copying.
func TestAferoLongAppend(t *testing.T) {
	if testing.Short() {
		t.Skip("copies a hundred megabytes")
	}
	head, tail := strings.Repeat("0123456789abcdef", 17<<16), strings.Repeat("fedcba9876543210", 17<<16)
	for name, mem := range map[string]afero.Fs{"rename": afero.NewMemMapFs(), "no rename": stubborn{Fs: afero.NewMemMapFs()}} {
		t.Run(name, func(t *testing.T) {
			f := driver.Afero(mem)
			write(t, f, "a", head)
			require.True(t, read(t, f, "a") == head)
			require.NoError(t, store(t.Context(), f, "a", tail, driver.StoreOptions{Append: true}))
			require.True(t, read(t, f, "a") == head+tail)
		})
	}
}

// blindFs is an afero.Fs in which look-ups go wrong.
type blindFs struct {
	afero.Fs
	err error // nil for one that has neither file nor error
}

func (b blindFs) Stat(string) (fs.FileInfo, error) { return nil, b.err }

// A failed look-up returns its own error, not that of a missing file.
func TestAferoLookUpFails(t *testing.T) {
	stale := errors.New("stale")
	f := driver.Afero(blindFs{afero.NewMemMapFs(), stale})
	_, err := f.Stat(t.Context(), "a")
	assert.ErrorIs(t, err, stale)
	assert.NotErrorIs(t, err, fs.ErrNotExist)
	assert.Error(t, driver.CheckStore(t.Context(), f, "a", driver.StoreOptions{}))
	_, err = driver.Afero(blindFs{Fs: afero.NewMemMapFs()}).Stat(t.Context(), "a")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// badDirFs is an afero.Fs whose directories can't be read.
type badDirFs struct {
	afero.Fs
	err error
}

func (b badDirFs) Open(name string) (afero.File, error) {
	f, err := b.Fs.Open(name)
	return badDirFile{f, b.err}, err
}

type badDirFile struct {
	afero.File
	err error
}

func (b badDirFile) Readdir(int) ([]fs.FileInfo, error) { return nil, b.err }

// A directory that can't be read is not empty.
func TestAferoListFails(t *testing.T) {
	stale := errors.New("stale")
	f := driver.Afero(badDirFs{afero.NewOsFs(), stale})
	var err error
	for _, err = range f.List(t.Context(), ".") {
	}
	assert.ErrorIs(t, err, stale)
}
