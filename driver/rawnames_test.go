package driver_test

import (
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// ValidName is fs.ValidPath, but for UTF-8.
func FuzzValidName(f *testing.F) {
	for _, name := range []string{"", ".", "a", "a/b", "/a", "a/", "a//b", "./a", "a/..", "...", "caf\xe9", "\xff/\xfe", "a\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		require.Equal(t, fs.ValidPath(strings.ToValidUTF8(name, "\ufffd")), driver.ValidName(name), "%q", name)
	})
}

func TestRawNames(t *testing.T) {
	system := runtime.GOOS != "windows" && runtime.GOOS != "darwin"
	mem, dir, utf := driver.Mem(), openDir(t, t.TempDir()), driver.Afero(afero.NewMemMapFs())
	mount, err := driver.Mount(map[string]driver.FS{".": mem, "utf-8": utf, "in/mem": driver.Mem()})
	require.NoError(t, err)
	for _, tt := range []struct {
		what string
		fsys driver.FS
		name string
		want bool
	}{
		{"Mem", mem, ".", true},
		{"Dir", dir, "a", system},
		{"Afero", utf, ".", false},
		{"ReadOnly", driver.ReadOnly(tree()), ".", false},
		{"a third party's", struct{ driver.FS }{mem}, ".", false},
		{"Limit", limit(t, mem, driver.Quota{}), ".", true},
		{"Limit of Afero", limit(t, utf, driver.Quota{}), ".", false},
		{"WithoutWrites", driver.WithoutWrites(mem), ".", true},
		{"WithoutWrites of Afero", driver.WithoutWrites(utf), ".", false},
		{"Mount", mount, "caf\xe9", true},
		{"Mount of Afero", mount, "utf-8/caf\xe9", false},
		{"Mount of Mem", mount, "in/mem/caf\xe9", true},
		{"Mount and a bad name", mount, "/a", false},
	} {
		assert.Equal(t, tt.want, driver.RawNames(tt.fsys, tt.name), tt.what)
	}
}
