package driver

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Stat shows the old size of a file while a long part is added to it, until all
// is there.
func TestDirShowsNoPartOfATail(t *testing.T) {
	d, err := OpenDir(t.TempDir())
	require.NoError(t, err)
	defer d.Close()
	old := strings.Repeat("old/", 50_000)
	u, err := d.Store(t.Context(), "a", StoreOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte(old))
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	tail := make([]byte, 40<<20)
	u, err = d.Store(t.Context(), "a", StoreOptions{Append: true})
	require.NoError(t, err)
	_, err = u.Write(tail)
	require.NoError(t, err)

	var over atomic.Bool
	looked := make(chan map[int64]bool)
	begun := make(chan struct{})
	go func() {
		sizes := make(map[int64]bool)
		for first := true; !over.Load(); first = false {
			if fi, err := d.Stat(t.Context(), "a"); err == nil {
				sizes[fi.Size()] = true
			}
			if first {
				close(begun)
			}
		}
		looked <- sizes
	}()
	<-begun
	require.NoError(t, u.Commit())
	over.Store(true)
	sizes := <-looked
	delete(sizes, int64(len(old)))
	delete(sizes, int64(len(old)+len(tail)))
	require.Empty(t, sizes)
	require.Len(t, d.content(t, "a"), len(old)+len(tail))
}

// A mark that makes no sense doesn't make anybody cut the file.
func TestDirLeavesStrangeMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, []byte("content"), 0o644))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	if err := mark(f, 1, 2); err != nil {
		t.Skipf("%s keeps no attributes: %v", path, err)
	}
	for value, ok := range map[string]bool{
		"3 4": true, "0 7": true, "7 0": true,
		"": false, "3": false, "3 ": false, " 4": false, "x 4": false, "3 x": false, "-3 10": false, "3 -4": false, "3 4 5": false, "3.0 4": false,
	} {
		require.NoError(t, unix.Fsetxattr(int(f.Fd()), growsAttr, []byte(value), 0))
		_, _, is := marked(f)
		require.Equal(t, ok, is, "%q", value)
		if !ok {
			require.NoError(t, undoGrowth(f))
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "content", string(b), "%q", value)
		}
	}
}
