package driver_test

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// There is room where tests run, and as much beside a file as in the directory of it.
func TestDirSpace(t *testing.T) {
	d := openDir(t, t.TempDir())
	write(t, d, "a", "x")
	for _, name := range []string{".", "a"} {
		n, err := driver.Space(t.Context(), d, name)
		require.NoError(t, err)
		require.Positive(t, n, name)
	}
	_, err := driver.Space(t.Context(), d, "none")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
