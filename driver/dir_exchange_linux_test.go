package driver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A program that takes no lock and renames the file makes an upload lose nothing that
// was acknowledged. A file that the program puts in place is never replaced by one made
// from the old file.
func TestDirRotatedMeanwhile(t *testing.T) {
	for _, size := range []int64{10, 70 << 10} { // the larger one is cloned where that can be
		for _, opts := range []driver.StoreOptions{{Append: true}, {Offset: 10}} {
			t.Run(fmt.Sprintf("%d %+v", size, opts), func(t *testing.T) {
				dir := t.TempDir()
				d := openDir(t, dir)
				log := filepath.Join(dir, "log")
				stop := make(chan struct{})
				var own []string // what the other program put in place
				done := make(chan struct{})
				go func() {
					defer close(done)
					for n := range 2000 {
						select {
						case <-stop:
							return
						default:
						}
						head := fmt.Sprintf("<%08d>", n)
						_ = os.WriteFile(filepath.Join(dir, "new"), []byte(head+strings.Repeat("x", int(size))), 0o644)
						_ = os.Rename(log, filepath.Join(dir, fmt.Sprint("log.", n)))
						if os.Link(filepath.Join(dir, "new"), log) == nil {
							own = append(own, head)
						}
						_ = os.Remove(filepath.Join(dir, "new"))
					}
				}()
				var acked []string
				for i := range 300 {
					record := fmt.Sprintf("{%d}", i)
					err := store(context.Background(), d, "log", record, opts)
					if err == nil {
						acked = append(acked, record)
					} else if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, driver.ErrOffset) {
						require.ErrorIs(t, err, driver.ErrChanged)
					}
				}
				close(stop)
				<-done
				_, err := d.Sweep(t.Context(), time.Hour)
				require.NoError(t, err)
				var all strings.Builder
				for _, name := range inside(t, dir) {
					require.NotContains(t, name, ".sallyport-")
					data, err := os.ReadFile(filepath.Join(dir, name))
					require.NoError(t, err)
					all.Write(data)
				}
				for _, head := range own { // also: no file is there twice, before and after an upload
					require.Equal(t, 1, strings.Count(all.String(), head), "%s of %d of the other program", head, len(own))
				}
				for _, record := range acked {
					if opts.Append { // others were replaced
						require.Equal(t, 1, strings.Count(all.String(), record), "%s of %d", record, len(acked))
					}
				}
				t.Logf("%d acknowledged, %d rotations", len(acked), len(own))
			})
		}
	}
}
