package driver_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// No descriptor stays open after uploads that are cut or refused and listings
// that are left early.
func TestDirLeaksNothing(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		require.NoError(t, d.Mkdir(t.Context(), "dir"))
		require.NoError(t, mkfifo(path+"/fifo"))
		write(t, d, "a", "0123456789")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		round := func() {
			for _, ctx := range []context.Context{t.Context(), ended} {
				for _, name := range []string{"a", "new", "a/b", "dir", "fifo", "missing", "missing/x", "."} {
					for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 5}, {Offset: 50}, {Exclusive: true}} {
						if u, err := d.Store(ctx, name, opts); err == nil {
							_, _ = u.Write([]byte("x"))
							if name == "a" || name == "new" {
								_ = u.Commit()
							}
							assert.NoError(t, u.Close(errors.New("cut")))
						}
					}
					for range d.List(ctx, name) {
						break
					}
					if r, err := d.Open(ctx, name, 1); err == nil {
						assert.NoError(t, r.Close())
					}
					_, _ = d.Space(ctx, name)
				}
			}
		}
		open := func() int {
			entries, err := os.ReadDir("/proc/self/fd")
			require.NoError(t, err)
			return len(entries)
		}
		round()
		before := open()
		for range 10 {
			round()
		}
		assert.Equal(t, before, open())
	})
}
