//go:build unix

package driver_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// An upload ends in the directory that it began in, wherever in the tree another program has
// moved the directory. If the directory was moved out of the tree, nothing is stored, and no
// hidden file stays.
func TestDirMovedMeanwhile(t *testing.T) {
	large := strings.Repeat("old/", 50_000)
	for name, c := range map[string]struct {
		file, old, want string
		opts            driver.StoreOptions
	}{
		"new":            {"new", "", "x", driver.StoreOptions{}},
		"exclusive":      {"new", "", "x", driver.StoreOptions{Exclusive: true}},
		"append to none": {"new", "", "x", driver.StoreOptions{Append: true}},
		"replace":        {"a", "12345", "x", driver.StoreOptions{}},
		"append":         {"a", "12345", "12345x", driver.StoreOptions{Append: true}},
		"offset":         {"a", "12345", "12x", driver.StoreOptions{Offset: 2}},
		"grow":           {"a", large, large + "x", driver.StoreOptions{Append: true}},
		"link":           {"link", "12345", "x", driver.StoreOptions{}},
	} {
		for to, inside := range map[string]bool{"served/other/e": true, "served/e": true, "out": false, "other/e": false} {
			for _, sync := range []bool{false, true} {
				top := t.TempDir()
				at := filepath.Join(top, "served/d/in")
				for _, dir := range []string{at, filepath.Join(top, "served/other"), filepath.Join(top, "other")} {
					require.NoError(t, os.MkdirAll(dir, 0o777))
				}
				if c.old != "" {
					require.NoError(t, os.WriteFile(filepath.Join(at, "a"), []byte(c.old), 0o644))
				}
				require.NoError(t, os.Symlink("a", filepath.Join(at, "link")))
				d := openDir(t, filepath.Join(top, "served"))
				d.Sync = sync
				u := begun(t, d, "d/in/"+c.file, "x", c.opts)
				require.NoError(t, os.Rename(filepath.Join(top, "served/d"), filepath.Join(top, to)))
				err := u.Commit()
				require.NoError(t, u.Close(err))
				now := filepath.Join(top, to, "in")
				want := []string{"link"}
				if inside {
					require.NoError(t, err, "%s to %s", name, to)
					b, err := os.ReadFile(filepath.Join(now, c.file))
					require.NoError(t, err)
					assert.Equal(t, c.want, string(b), "%s to %s", name, to)
				} else {
					assert.ErrorIs(t, err, fs.ErrNotExist, "%s to %s", name, to)
				}
				switch {
				case c.old != "":
					want = []string{"a", "link"}
				case inside:
					want = []string{"link", "new"}
				}
				assert.Equal(t, want, entries(t, now), "%s to %s", name, to)
				if !inside && c.old != "" {
					b, err := os.ReadFile(filepath.Join(now, "a"))
					require.NoError(t, err)
					assert.Equal(t, c.old, string(b), "%s to %s", name, to)
				}
			}
		}
	}
}

// The tree itself may be moved, and the Dir closed, before an upload ends.
func TestDirMovedAsAWhole(t *testing.T) {
	top := t.TempDir()
	served := filepath.Join(top, "served")
	require.NoError(t, os.MkdirAll(filepath.Join(served, "d"), 0o777))
	d, err := driver.OpenDir(served)
	require.NoError(t, err)
	u := begun(t, d, "d/a", "x", driver.StoreOptions{})
	require.NoError(t, os.Rename(served, filepath.Join(top, "now")))
	require.NoError(t, d.Close())
	require.NoError(t, u.Commit())
	require.NoError(t, u.Close(nil))
	require.Equal(t, []string{"a"}, entries(t, filepath.Join(top, "now/d")))
}
