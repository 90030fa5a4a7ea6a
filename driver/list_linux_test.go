package driver_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A listing goes on behind an entry that the system can't describe. In this
// test the system describes none, because the directory may be read and not
// entered.
func TestDirListsAroundBadEntries(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	sub := filepath.Join(path, "d")
	require.NoError(t, os.Mkdir(sub, 0o777))
	for i := range 300 {
		require.NoError(t, os.WriteFile(filepath.Join(sub, string(rune('a'+i))), nil, 0o666))
	}
	require.NoError(t, os.Mkdir(filepath.Join(sub, "sub"), 0o777))
	require.NoError(t, os.Chmod(sub, 0o444))
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o755)) // afero opens by the path, which must be allowed
	defer os.Chmod(sub, 0o777)
	unprivileged(t, func() {
		for _, err := range d.List(t.Context(), "d") {
			assert.NoError(t, err)
		}
		for _, err := range driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), path)).List(t.Context(), "d") {
			assert.NoError(t, err)
		}
		n := 0
		for fi, err := range driver.Scan(t.Context(), d, "d", false) {
			if !assert.NoError(t, err) {
				break
			}
			n++
			assert.Zero(t, fi.ModTime())
			assert.Equal(t, fi.Name() == "sub", fi.IsDir(), "what the directory itself tells is known")
			assert.Empty(t, fi.(driver.FileID).ID())
			assert.Empty(t, fi.(driver.FileOwner).Owner())
		}
		assert.Contains(t, []int{0, 301}, n, "List where there is no other Scan")
	})
}

// Each call on a served directory that was removed returns an error for the
// operator, not that of a missing file.
func TestDirGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "served")
	require.NoError(t, os.Mkdir(path, 0o777))
	d := openDir(t, path)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o777))
	_, errRoot := d.Stat(t.Context(), ".")
	_, errStat := d.Stat(t.Context(), "a")
	_, errOpen := d.Open(t.Context(), "a", 0)
	var errList, errScan error
	for _, err := range d.List(t.Context(), ".") {
		errList = err
	}
	for _, err := range driver.Scan(t.Context(), d, ".", true) {
		errScan = err
	}
	for what, err := range map[string]error{"root": errRoot, "Stat": errStat, "Open": errOpen, "List": errList, "Scan": errScan,
		"CheckStore": driver.CheckStore(t.Context(), d, "a", driver.StoreOptions{})} {
		assert.ErrorContains(t, err, "was removed", what)
		assert.NotErrorIs(t, err, fs.ErrNotExist, what)
	}
}
