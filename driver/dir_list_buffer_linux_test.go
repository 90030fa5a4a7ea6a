//go:build amd64 || arm64 || riscv64

package driver

import (
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Listings that get no full buffer see every name just the same, the longest
// included. Full buffers are lent again when some have come back.
func TestScanWithSmallBuffers(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	var want []string
	for i := range 200 {
		name := fmt.Sprintf("%03d", i) + strings.Repeat("x", i*252/199)
		require.NoError(t, os.WriteFile(path+"/"+name, nil, 0o600))
		want = append(want, name)
	}
	slices.Sort(want)
	for nameOnly, from := range map[bool]*dirBuffers{true: &nameBuffers, false: &scanBuffers} {
		var stalled []func()
		for range from.most + 3 {
			next, stop := iter.Pull2(d.scan(t.Context(), ".", nameOnly))
			next() // and no more for now
			stalled = append(stalled, stop)
		}
		require.EqualValues(t, from.most, from.out.Load())
		require.Equal(t, want, names(t, d.scan(t.Context(), ".", nameOnly)))
		for _, stop := range stalled {
			stop()
		}
		require.Zero(t, from.out.Load())
		require.Equal(t, want, names(t, d.scan(t.Context(), ".", nameOnly)))
	}
}

func names(t *testing.T, entries iter.Seq2[fs.FileInfo, error]) (all []string) {
	for fi, err := range entries {
		require.NoError(t, err)
		all = append(all, strings.Clone(fi.Name()))
	}
	slices.Sort(all)
	return all
}
