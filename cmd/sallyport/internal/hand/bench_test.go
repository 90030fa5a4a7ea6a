//go:build linux

package hand

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// BenchmarkHand compares files in this process with files through a hand, which is a process of its own.
//
//	go test -bench Hand ./cmd/sallyport/internal/hand
func BenchmarkHand(b *testing.B) {
	root := shared(b)
	require.NoError(b, os.Mkdir(root+"/many", 0o777))
	const many = 100_000
	for i := range many {
		require.NoError(b, os.WriteFile(fmt.Sprintf("%s/many/file-%06d.csv", root, i), nil, 0o644))
	}
	content := make([]byte, 4<<10)
	dir := openDir(b, root)
	store(b, dir, "small", string(content))
	far, _ := child(b, root, 0)
	for name, files := range map[string]driver.FS{"here": dir, "hand": far} {
		b.Run("stat/"+name, func(b *testing.B) {
			for b.Loop() {
				_, err := files.Stat(b.Context(), "small")
				require.NoError(b, err)
			}
		})
		b.Run("open/"+name, func(b *testing.B) {
			for b.Loop() {
				f, err := files.Open(b.Context(), "small", 0)
				require.NoError(b, err)
				_, err = f.Read(content)
				require.NoError(b, err)
				f.Close()
			}
		})
		b.Run("store/"+name, func(b *testing.B) {
			for b.Loop() {
				store(b, files, "new-"+name, string(content))
			}
		})
		b.Run("list/"+name, func(b *testing.B) {
			for b.Loop() {
				n := 0
				for _, err := range driver.Scan(b.Context(), files, "many", false) {
					require.NoError(b, err)
					n++
				}
				require.Equal(b, many, n)
			}
		})
	}
}
