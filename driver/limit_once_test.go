package driver_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// opaque is an FS of another package: nothing tells how its uploads are written.
type opaque struct{ driver.FS }

func (o opaque) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := o.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return struct{ driver.Upload }{u}, nil
}

// shown are FSs in which what is written is in the file at once, by name.
func shown(t *testing.T) map[string]driver.FS {
	fsyss := make(map[string]driver.FS)
	for _, name := range []string{"in place", "of another package"} {
		d := openDir(t, t.TempDir())
		d.Uploads = driver.InPlace
		fsyss[name] = d
	}
	fsyss["of another package"] = opaque{fsyss["of another package"]}
	return fsyss
}

// Bytes that are being written in place count once, whichever call looks at the file
// meanwhile.
func TestLimitInPlaceCountsOnce(t *testing.T) {
	for kind, fsys := range shown(t) {
		for name, how := range map[string]struct {
			was  string
			opts driver.StoreOptions
			want string // while it has brought 12 bytes
			end  string
		}{
			"new":    {"", driver.StoreOptions{}, "12 bytes 1 files", "13 bytes 1 files"},
			"old":    {"12345", driver.StoreOptions{}, "12 bytes 1 files", "13 bytes 1 files"},
			"append": {"12345", driver.StoreOptions{Append: true}, "17 bytes 1 files", "18 bytes 1 files"},
			"offset": {strings.Repeat("x", 25), driver.StoreOptions{Offset: 3}, "15 bytes 1 files", "16 bytes 1 files"},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				if kind != "in place" && how.opts.Offset > 0 {
					t.Skip("that the old end has gone can't be known before Commit")
				}
				l := limit(t, fsys, driver.Quota{Bytes: 40, Files: 2})
				if how.was != "" {
					write(t, l, "a", how.was)
				}
				u := begun(t, l, "a", "123456789012", how.opts)
				t.Cleanup(func() { _ = u.Close(errors.New("the test failed")) })
				for range 3 {
					if kind == "in place" { // another FS knows of no other uploads
						for _, opts := range []driver.StoreOptions{{Whole: true}, {Append: true, Whole: true}} {
							v, err := l.Store(t.Context(), "a", opts)
							require.NoError(t, err)
							require.Equal(t, how.want, used(l))
							require.NoError(t, v.Close(errors.New("cut")))
						}
					}
					_ = store(t.Context(), l, "a", "", driver.StoreOptions{Append: true})
					require.Equal(t, how.want, used(l))
				}
				write(t, l, "b", "123456789012")
				require.NoError(t, l.Remove(t.Context(), "b"))
				_, err := u.Write([]byte("3"))
				require.NoError(t, err)
				require.NoError(t, u.Commit())
				require.Equal(t, how.end, used(l))
				require.NoError(t, l.Measure(t.Context()))
				require.Equal(t, how.end, used(l))
				require.NoError(t, l.Remove(t.Context(), "a"))
			})
		}
	}
}

// Bytes that the system has copied of a piece in ReadFrom count once, though the piece is
// still on its way.
func TestLimitInPlaceCountsOnceInReadFrom(t *testing.T) {
	for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 2}} {
		d := openDir(t, t.TempDir())
		d.Uploads = driver.InPlace
		l := limit(t, d, driver.Quota{Bytes: 100})
		write(t, l, "a", "12345678901234567890")
		u, err := l.Store(t.Context(), "a", opts)
		require.NoError(t, err)
		t.Cleanup(func() { _ = u.Close(errors.New("the test failed")) })
		r, w := io.Pipe()
		done := make(chan error)
		go func() { _, err := u.(io.ReaderFrom).ReadFrom(r); done <- err }()
		_, err = w.Write([]byte("1234567890"))
		require.NoError(t, err)
		for range 3 {
			_, err = w.Write([]byte("1234567890"))
			require.NoError(t, err, "the write before has come to the file")
			v, err := l.Store(t.Context(), "a", driver.StoreOptions{Append: true, Whole: true})
			require.NoError(t, err)
			require.NoError(t, v.Close(errors.New("cut")))
			bytes, files := l.Used()
			assert.EqualValues(t, 100, bytes, "all that is left is claimed: %+v", opts)
			assert.EqualValues(t, 1, files)
		}
		require.NoError(t, w.Close())
		require.NoError(t, <-done)
		require.NoError(t, u.Commit())
		counted := used(l)
		require.NoError(t, l.Measure(t.Context()))
		require.Equal(t, used(l), counted)
	}
}

// Uploads never exceed the quota, and no file becomes larger than FileSize, whatever happens
// to the files meanwhile; in the end no upload is refused for which there is room.
func TestLimitNeverBeyond(t *testing.T) {
	for kind, fsys := range places(t) {
		t.Run(kind, func(t *testing.T) {
			l := limit(t, fsys, driver.Quota{Bytes: 3000, Files: 3, FileSize: 1500})
			stop := make(chan struct{})
			var watch, wg sync.WaitGroup
			watch.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if bytes, files := l.Used(); bytes > 3000 || files > 3 {
						assert.Fail(t, "beyond the quota", "%d bytes, %d files", bytes, files)
						return
					}
					if !noLarger(t, l, 1500) {
						return
					}
				}
			})
			for i := range 8 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(i)))
					for range 40 {
						disturb(l, r, string(rune('a'+r.IntN(4))))
					}
				})
			}
			wg.Wait()
			close(stop)
			watch.Wait()
			counted := used(l)
			require.NoError(t, l.Measure(t.Context()))
			require.Equal(t, used(l), counted)
			noLarger(t, l, 1500)
		})
	}
}

// noLarger checks that no file is larger than it may be.
func noLarger(t *testing.T, l *driver.Limited, most int64) bool {
	for fi, err := range l.List(context.Background(), ".") {
		if err == nil && fi.Size() > most {
			return assert.Fail(t, "beyond the size of a file", "%s: %d bytes", fi.Name(), fi.Size())
		}
	}
	return true
}

// disturb removes or renames a file, or uploads to it, and ignores errors.
func disturb(l *driver.Limited, r *rand.Rand, name string) {
	ctx := context.Background()
	switch r.IntN(8) {
	case 0:
		_ = l.Remove(ctx, name)
		return
	case 1:
		_ = l.Rename(ctx, name, string(rune('a'+r.IntN(4))))
		return
	}
	u, err := l.Store(ctx, name, driver.StoreOptions{
		Append: r.IntN(2) == 0, Whole: r.IntN(5) == 0, Offset: int64(r.IntN(2) * r.IntN(40)),
	})
	if err != nil {
		return
	}
	for range r.IntN(5) {
		if _, err = u.Write(make([]byte, r.IntN(400))); err != nil {
			break
		}
	}
	if err == nil && r.IntN(3) > 0 {
		_ = u.Commit()
	}
	_ = u.Close(errors.New("cut"))
}

// Uploads of every kind to one file at once leave a file no larger than FileSize, and a count
// that is right.
func TestLimitOneFileAtRandom(t *testing.T) {
	for kind, fsys := range places(t) {
		t.Run(kind, func(t *testing.T) {
			l := limit(t, fsys, driver.Quota{Bytes: 1 << 20, FileSize: 900})
			for round := range 10 {
				var wg sync.WaitGroup
				for i := range 4 {
					wg.Go(func() {
						r := rand.New(rand.NewPCG(uint64(round), uint64(i)))
						for range 15 {
							disturb(l, r, "a")
							noLarger(t, l, 900)
						}
					})
				}
				wg.Wait()
				counted := used(l)
				require.NoError(t, l.Measure(t.Context()))
				require.Equal(t, used(l), counted)
			}
		})
	}
}
