package driver_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// FuzzDirName holds that no name and no link reaches what is outside of the
// directory, makes a method panic, or leaves a temporary file.
func FuzzDirName(f *testing.F) {
	for _, name := range []string{
		"a", "../rootX/file", "link/file", "link/../rootX/file", "/etc/passwd", "a\x00b", ".sallyport-x",
		`..\rootX`, "a/./b", "sub/../../rootX/file", "c:file", "\xff", strings.Repeat("d/", 200) + "x",
	} {
		f.Add(name, "sub")
		f.Add("link/file", name)
	}
	f.Fuzz(func(t *testing.T, name, target string) {
		top := t.TempDir()
		served, secret := filepath.Join(top, "root"), filepath.Join(top, "rootX")
		require.NoError(t, os.MkdirAll(filepath.Join(served, "sub"), 0o777))
		require.NoError(t, os.Mkdir(secret, 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(secret, "file"), []byte("secret"), 0o644))
		// Try the link that a client can make and any that may have been there
		// before.
		d := openDir(t, served)
		_ = d.Symlink(t.Context(), target, "sub/made")
		_ = os.Symlink(target, filepath.Join(served, "link"))
		for what, call := range methods(t.Context(), d) {
			err := call(name)
			if !driver.ValidName(name) || !utf8.ValidString(name) && !d.RawNames(".") {
				assert.Error(t, err, "%s %q", what, name)
			}
			_ = call(path.Join("sub/made", path.Base(name)))
		}
		b, err := os.ReadFile(filepath.Join(secret, "file"))
		require.NoError(t, err)
		assert.Equal(t, "secret", string(b))
		for _, dir := range []string{top, secret} {
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(entries), 2)
		}
		assert.NoError(t, filepath.WalkDir(served, func(p string, _ fs.DirEntry, err error) error {
			assert.NotContains(t, filepath.Base(p), ".sallyport-")
			return err
		}))
	})
}
