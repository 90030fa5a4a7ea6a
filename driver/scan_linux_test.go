//go:build amd64 || arm64 || riscv64

package driver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func TestScanOfSpecialFiles(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	for name, kind := range map[string]uint32{"fifo": syscall.S_IFIFO, "socket": syscall.S_IFSOCK,
		"char": syscall.S_IFCHR, "block": syscall.S_IFBLK} {
		err := syscall.Mknod(filepath.Join(path, name), kind|0o600, 1<<8|3)
		if os.Getuid() == 0 && err != syscall.EPERM { // a container may not make devices
			require.NoError(t, err)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(path, "\xff\n"), nil, 0o600))
	assert.Equal(t, all(t, d.List(t.Context(), ".")), all(t, driver.Scan(t.Context(), d, ".", false)))
}

// A long listing must not keep the garbage collector busy.
func TestScanMakesNoGarbage(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	const many = 3000 // more than one buffer holds
	for i := range many {
		require.NoError(t, os.WriteFile(filepath.Join(path, fmt.Sprint("some name ", i)), nil, 0o600))
	}
	n := 0
	allocs := testing.AllocsPerRun(5, func() {
		for fi, err := range driver.Scan(t.Context(), d, ".", false) {
			if err != nil || fi.(driver.FileID).ID() == "" || fi.(driver.FileOwner).Owner() == "" {
				t.Error(fi, err)
			}
			n++
		}
	})
	assert.Equal(t, 6*many, n)
	assert.Less(t, allocs, 100.0)
}
