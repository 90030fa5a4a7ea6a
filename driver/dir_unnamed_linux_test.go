package driver_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// onlyAdding is a directory with the file "old" in which nothing can be renamed or removed.
func onlyAdding(t *testing.T) (d *driver.Dir, path string) {
	testenv.NeedRoot(t)
	path = t.TempDir()
	d = openDir(t, path)
	write(t, d, "old", "12345")
	if out, err := exec.Command("chattr", "+a", path).CombinedOutput(); err != nil {
		testenv.Missing(t, "the file system has no attributes: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("chattr", "-a", path).Run() })
	return d, path
}

// In a directory where no name can be removed an upload leaves no name but its own, and
// none if it is cut or refused.
func TestDirOnlyAdds(t *testing.T) {
	d, path := onlyAdding(t)
	was, err := os.Stat(filepath.Join(path, "old"))
	require.NoError(t, err)
	write(t, d, "first", "new")
	fi, err := os.Stat(filepath.Join(path, "first"))
	require.NoError(t, err)
	require.Equal(t, was.Mode(), fi.Mode())
	d.FileMode = 0o640
	want := []string{"old", "first"}
	for name, opts := range map[string]driver.StoreOptions{
		"a-replace": {}, "b-exclusive": {Exclusive: true}, "c-append": {Append: true}, "d-whole": {Whole: true},
	} {
		require.NoError(t, begun(t, d, name, "new", opts).Close(errors.New("cut")))
		require.NoFileExists(t, filepath.Join(path, name))
		require.NoError(t, store(t.Context(), d, name, "new", opts))
		require.Equal(t, "new", read(t, d, name))
		fi, err := os.Stat(filepath.Join(path, name))
		require.NoError(t, err)
		require.EqualValues(t, 0o640, fi.Mode().Perm())
		want = append(want, name)
		require.ElementsMatch(t, want, entries(t, path))
	}
	for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 2}, {Exclusive: true}} {
		_, err := d.Store(t.Context(), "old", opts)
		if opts.Exclusive {
			require.ErrorIs(t, err, fs.ErrExist)
		} else {
			require.ErrorIs(t, err, fs.ErrPermission)
		}
	}
	require.ElementsMatch(t, want, entries(t, path))
}

// A name that is taken between Store and Commit stays as it is.
func TestDirOnlyAddsMeanwhile(t *testing.T) {
	d, path := onlyAdding(t)
	for name, c := range map[string]struct {
		opts driver.StoreOptions
		want error
	}{
		"a": {driver.StoreOptions{}, fs.ErrPermission},
		"b": {driver.StoreOptions{Exclusive: true}, fs.ErrExist},
		"c": {driver.StoreOptions{Append: true}, fs.ErrPermission},
	} {
		u := begun(t, d, name, "new", c.opts)
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("other"), 0o644))
		err := u.Commit()
		require.ErrorIs(t, err, c.want, name)
		require.NoError(t, u.Close(err))
		require.Equal(t, "other", read(t, d, name))
	}
	require.ElementsMatch(t, []string{"old", "a", "b", "c"}, entries(t, path))
}
