//go:build unix

package driver_test

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// aferoRenaming calls a function before a file is renamed.
type aferoRenaming struct {
	afero.Fs
	before func()
}

func (a *aferoRenaming) Rename(from, to string) error {
	a.before()
	return a.Fs.Rename(from, to)
}

// An append by one name of a directory waits for an append by another name. It would otherwise
// be lost, since the other append has copied the file already.
func TestAferoAppendsByTwoNames(t *testing.T) {
	for _, target := range []string{"d", "absolute"} {
		synctest.Test(t, func(t *testing.T) {
			path := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(path, "d"), 0o777))
			require.NoError(t, os.WriteFile(filepath.Join(path, "d/a"), []byte("old,"), 0o644))
			if target == "absolute" {
				target = filepath.Join(path, "d")
			}
			require.NoError(t, os.Symlink(target, filepath.Join(path, "e")))
			files := &aferoRenaming{afero.NewBasePathFs(afero.NewOsFs(), path), func() {}}
			fsys := driver.Afero(files)
			done := make(chan error, 1)
			var begun atomic.Bool
			files.before = func() {
				if begun.CompareAndSwap(false, true) {
					go func() { done <- store(t.Context(), fsys, "e/a", "second,", driver.StoreOptions{Append: true}) }()
					synctest.Wait()
				}
			}
			require.NoError(t, store(t.Context(), fsys, "d/a", "first,", driver.StoreOptions{Append: true}))
			require.NoError(t, <-done)
			require.Equal(t, "old,first,second,", read(t, fsys, "d/a"))
		})
	}
}
