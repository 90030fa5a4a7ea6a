package syscalls

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The hook sees each call before it is made, and decides what becomes of it.
func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	var seen []string
	var first, second error
	Run(t, func(c Call) syscall.Errno {
		seen = append(seen, c.Path(0))
		if len(seen) == 1 {
			return unix.EIO
		}
		return 0
	}, func() { first, second = f.Sync(), f.Sync() }, unix.SYS_FSYNC)
	assert.ErrorIs(t, first, unix.EIO)
	assert.NoError(t, second)
	assert.NoError(t, f.Sync(), "other threads are as they were")
	assert.Equal(t, []string{path, path}, seen)
}
