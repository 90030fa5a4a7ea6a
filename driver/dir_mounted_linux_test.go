package driver_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// A file that is a mount point takes uploads in place, and what is added to the end of a large file.
// CheckStore refuses all else.
func TestDirMountedFile(t *testing.T) {
	testenv.NeedRoot(t)
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		const small, most, large = 10, 64 << 10, 5_000_000 // most is the largest file that is copied
		outside := filepath.Join(t.TempDir(), "outside")
		for name, content := range map[string]string{outside: "", filepath.Join(path, "f"): "", filepath.Join(path, "g"): "x"} {
			require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
		}
		if err := unix.Mount(outside, filepath.Join(path, "f"), "", unix.MS_BIND, ""); err != nil {
			testenv.Missing(t, "mounting a file: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(filepath.Join(path, "f"), unix.MNT_DETACH) })
		for _, size := range []int64{small, most, large} {
			for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Append: true, Whole: true}, {Offset: 5}, {Offset: size}, {Whole: true}} {
				require.NoError(t, os.Truncate(outside, size))
				check := driver.CheckStore(t.Context(), d, "f", opts)
				err := store(t.Context(), d, "f", "new", opts)
				what := fmt.Sprintf("%+v, %d bytes: CheckStore says %v, Store %v", opts, size, check, err)
				inPlace := d.Uploads == driver.InPlace && !opts.Whole
				grows := size == large && (opts.Append || opts.Offset == size) // where nothing is cloned
				assert.Equal(t, inPlace || grows, check == nil, what)
				if !grows {
					assert.Equal(t, inPlace, err == nil, what)
				}
				if check != nil {
					assert.ErrorContains(t, check, "mount point")
				}
			}
		}
		for what, err := range map[string]error{
			"DELE": d.Remove(t.Context(), "f"), "RNTO": d.Rename(t.Context(), "g", "f"), "RNFR": d.Rename(t.Context(), "f", "h"),
		} {
			var told *driver.Error
			if assert.ErrorAs(t, err, &told, what) {
				assert.Equal(t, 550, told.Code)
				assert.ErrorIs(t, err, fs.ErrPermission, what)
			}
		}
	})
}
