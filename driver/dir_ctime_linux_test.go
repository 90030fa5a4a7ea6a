package driver_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// An upload at an offset is refused if a program has rewritten the file at the same
// length and set its time back, or changed its permission bits. It is not refused after
// reading, nor after a session's own look at the file.
func TestDirOffsetSetBack(t *testing.T) {
	dir := t.TempDir()
	d, path := openDir(t, dir), filepath.Join(dir, "a")
	for name, tt := range map[string]struct {
		do   func()
		want error
	}{
		"rewritten": {func() {
			fi, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, []byte("abcdefghij0123456789"), 0o644))
			require.NoError(t, os.Chtimes(path, fi.ModTime(), fi.ModTime()))
		}, driver.ErrChanged},
		"mode": {func() { require.NoError(t, d.SetMode(t.Context(), "a", 0o600)) }, driver.ErrChanged},
		"read": {func() { read(t, d, "a") }, nil},
		"cut": {func() {
			require.NoError(t, begun(t, d, "a", "x", driver.StoreOptions{Append: true}).Close(errors.New("cut")))
		}, nil},
	} {
		require.NoError(t, os.WriteFile(path, []byte("0123456789abcdefghij"), 0o644))
		tick(t, path)
		u := begun(t, d, "a", "new", driver.StoreOptions{Offset: 10})
		tt.do()
		err := u.Commit()
		assert.ErrorIs(t, err, tt.want, name)
		require.NoError(t, u.Close(err))
	}
}

// tick returns when the file system's clock, which some advance only every few
// milliseconds, is past the last change of a file.
func tick(t *testing.T, path string) {
	was, err := os.Stat(path)
	require.NoError(t, err)
	probe := filepath.Join(t.TempDir(), "probe")
	for {
		require.NoError(t, os.WriteFile(probe, nil, 0o644))
		now, err := os.Stat(probe)
		require.NoError(t, err)
		if now.ModTime().After(was.ModTime()) {
			return
		}
	}
}
