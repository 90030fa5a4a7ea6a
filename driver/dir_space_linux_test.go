package driver_test

import (
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// Space of a file and of its directory is what the system tells, though other programs may
// write meanwhile.
func TestDirSpace(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	write(t, d, "a", "x")
	var st syscall.Statfs_t
	require.NoError(t, syscall.Statfs(path, &st))
	for _, name := range []string{".", "a"} {
		n, err := driver.Space(t.Context(), d, name)
		require.NoError(t, err)
		require.InEpsilon(t, int64(st.Bavail)*int64(st.Bsize), n, 0.5, name)
	}
	_, err := driver.Space(t.Context(), d, "none")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
