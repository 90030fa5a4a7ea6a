package driver_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// untold hides all abilities of an FS of which nothing is known.
type untold struct{ driver.FS }

// CheckStore of a quota takes every upload that Store, Write and Commit take, whether the FS
// writes in place, is atomic or doesn't say. Where the FS says, CheckStore refuses all else
// but for a restart with nothing to send.
func TestLimitChecksStoreAsItStores(t *testing.T) {
	dir := func(t *testing.T, how driver.Uploads) driver.FS {
		d := openDir(t, t.TempDir())
		d.Uploads = how
		return d
	}
	const size = 10 // of the file that is there
	refused, taken := 0, 0
	for _, tt := range []struct {
		name string
		fsys func(*testing.T) driver.FS
		says bool
	}{
		{"in place", func(t *testing.T) driver.FS { return dir(t, driver.InPlace) }, true},
		{"in place, wrapped", func(t *testing.T) driver.FS {
			return driver.Restrict(dir(t, driver.InPlace), func(context.Context, driver.Op, string) error { return nil })
		}, true},
		{"in place, untold", func(t *testing.T) driver.FS { return untold{dir(t, driver.InPlace)} }, false},
		{"atomic", func(t *testing.T) driver.FS { return dir(t, driver.Atomic) }, true},
		{"atomic, untold", func(t *testing.T) driver.FS { return untold{dir(t, driver.Atomic)} }, false},
		{"in memory", func(*testing.T) driver.FS { return driver.Mem() }, true},
		{"afero", func(*testing.T) driver.FS { return driver.Afero(afero.NewMemMapFs()) }, true},
		{"afero on disk", func(t *testing.T) driver.FS {
			return driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), t.TempDir()))
		}, true},
	} {
		for _, quota := range []driver.Quota{
			{Bytes: size}, {Bytes: size + 1}, {Bytes: size - 4}, {Bytes: 100}, {Bytes: 100, FileSize: size},
			{Bytes: 100, FileSize: size - 5}, {Bytes: 100, Files: 1},
		} {
			for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 1}, {Offset: size - 5}, {Offset: size}, {Exclusive: true}, {Whole: true}, {Size: size}, {Append: true, Size: 1}, {Offset: 1, Size: size}} {
				for _, name := range []string{"old", "new"} {
					check := func(content string) (check, err error) {
						inner := tt.fsys(t)
						write(t, inner, "old", strings.Repeat("x", size))
						l := limit(t, inner, quota)
						check = driver.CheckStore(t.Context(), l, name, opts)
						err = store(t.Context(), l, name, content, opts)
						bytes, files := l.Used()
						require.NoError(t, l.Measure(t.Context()))
						counted, found := l.Used()
						require.Equal(t, []int64{counted, found}, []int64{bytes, files}, "what counts is what is there")
						return check, err
					}
					what := fmt.Sprintf("%s: %+v, quota %+v, %s", tt.name, opts, quota, name)
					for _, n := range []int{1, size - 5, size, size + 1} {
						refusal, err := check(strings.Repeat("y", n))
						if err == nil {
							taken++
							assert.NoError(t, refusal, "%s, %d bytes: Store takes them", what, n)
						}
						if n != 1 || err == nil || !tt.says {
							continue
						}
						if _, nothing := check(""); nothing != nil || opts.Offset == 0 {
							refused++
							assert.Error(t, refusal, "%s: Store says %v", what, err)
						}
					}
				}
			}
		}
	}
	assert.NotZero(t, taken)
	assert.NotZero(t, refused)
}

// A user whose quota is full, or more than full, can write over a file in place, up to the size
// of the file. The bytes of the file count until something comes.
func TestLimitOverwritesInPlaceWhenFull(t *testing.T) {
	for _, opts := range []driver.StoreOptions{{}, {Offset: 4}} {
		for more, want := range map[int64]error{-5: nil, 0: nil, 1: driver.ErrQuota} {
			path := t.TempDir()
			d := openDir(t, path)
			d.Uploads = driver.InPlace
			content := strings.Repeat("y", int(10-opts.Offset+more))
			l := limit(t, d, driver.Quota{Bytes: 10})
			for _, readsFrom := range []bool{false, true} {
				require.NoError(t, os.WriteFile(filepath.Join(path, "f"), []byte("0123456789"), 0o666))
				require.NoError(t, l.Measure(t.Context()))
				require.NoError(t, driver.CheckStore(t.Context(), l, "f", opts))
				u, err := l.Store(t.Context(), "f", opts)
				require.NoError(t, err)
				if opts.Offset > 0 {
					_, err := u.(io.ReaderFrom).ReadFrom(strings.NewReader(""))
					require.NoError(t, err)
					require.Equal(t, "10 bytes 1 files", used(l))
				}
				if readsFrom {
					_, err = u.(io.ReaderFrom).ReadFrom(strings.NewReader(content))
				} else {
					_, err = io.WriteString(u, content)
				}
				if err == nil {
					err = u.Commit()
				}
				assert.ErrorIs(t, err, want, "%+v, %d bytes more", opts, more)
				require.NoError(t, u.Close(err))
				counted := used(l)
				require.NoError(t, l.Measure(t.Context()))
				require.Equal(t, used(l), counted)
			}
			over, err := driver.LimitFrom(d, driver.Quota{Bytes: 9}, 12, 1)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(path, "f"), []byte("0123456789"), 0o666))
			require.NoError(t, driver.CheckStore(t.Context(), over, "f", opts))
			require.NoError(t, store(t.Context(), over, "f", "x", opts))
		}
	}
}
