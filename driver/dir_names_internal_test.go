package driver

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// No file stays locked, at whatever moment the context of a change ends.
func TestDirLocksAreGivenBack(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	for _, name := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), nil, 0o644))
	}
	for _, uploads := range []Uploads{Atomic, InPlace} {
		d.Uploads = uploads
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		held, err := d.holdNames(ended, "a", "b")
		require.NoError(t, err, "nobody else wants them")
		require.Len(t, held, 2)
		_, err = d.holdNames(ended, "b", "c")
		if uploads == Atomic {
			require.ErrorIs(t, err, context.Canceled)
		}
		releaseAll(held)
		fileLocks.mu.Lock()
		require.Empty(t, fileLocks.locks)
		fileLocks.mu.Unlock()
	}
}
