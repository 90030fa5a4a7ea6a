package driver_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// A file that is still in the lower layer of an overlay has not changed because it is copied up
// when the upload opens it for writing.
func TestDirOverlay(t *testing.T) {
	testenv.NeedRoot(t)
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		layers, merged := t.TempDir(), filepath.Join(path, "merged")
		for _, dir := range []string{filepath.Join(layers, "lower"), filepath.Join(layers, "upper"), filepath.Join(layers, "work"), merged} {
			require.NoError(t, os.Mkdir(dir, 0o777))
		}
		opts := map[string]driver.StoreOptions{"append": {Append: true}, "restart": {Offset: 5}, "end": {Offset: 10}, "whole": {Offset: 5, Whole: true}, "limit": {Offset: 5}, "kept": {Offset: 5}}
		for name := range opts {
			require.NoError(t, os.WriteFile(filepath.Join(layers, "lower", name), []byte("0123456789"), 0o666))
		}
		if err := unix.Mount("overlay", merged, "overlay", 0, strings.NewReplacer("$", layers).Replace("lowerdir=$/lower,upperdir=$/upper,workdir=$/work")); err != nil {
			testenv.Missing(t, "mounting an overlay: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(merged, unix.MNT_DETACH) })
		for name, opts := range opts {
			var fsys driver.FS = d
			if name == "limit" {
				fsys = limit(t, d, driver.Quota{Bytes: 1000})
			}
			u, err := fsys.Store(t.Context(), "merged/"+name, opts)
			require.NoError(t, err, name)
			_, err = io.WriteString(u, "new")
			require.NoError(t, err, name)
			if k, ok := u.(driver.KeptReader); ok && name == "kept" {
				n, err := k.Keep()
				require.NoError(t, err)
				require.EqualValues(t, 5, n)
				r, err := k.OpenKept()
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				require.Equal(t, "01234", string(got))
				require.NoError(t, r.Close())
			}
			require.NoError(t, u.Commit(), name)
			got, err := os.ReadFile(filepath.Join(merged, name))
			require.NoError(t, err)
			want := "01234new"
			if opts.Append || opts.Offset == 10 {
				want = "0123456789new"
			}
			require.Equal(t, want, string(got), name)
		}
	})
}
