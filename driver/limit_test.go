package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

func limit(t testing.TB, fsys driver.FS, q driver.Quota) *driver.Limited {
	t.Helper()
	l, err := driver.Limit(t.Context(), fsys, q)
	require.NoError(t, err)
	return l
}

func used(l *driver.Limited) string {
	bytes, files := l.Used()
	return fmt.Sprintf("%d bytes %d files", bytes, files)
}

// begun begins an upload and writes data to it.
func begun(t testing.TB, fsys driver.FS, name, data string, opts driver.StoreOptions) driver.Upload {
	t.Helper()
	u, err := fsys.Store(t.Context(), name, opts)
	require.NoError(t, err)
	_, err = io.WriteString(u, data)
	require.NoError(t, err)
	return u
}

func TestLimitArguments(t *testing.T) {
	_, err := driver.Limit(t.Context(), nil, driver.Quota{Bytes: -1, Files: math.MinInt64, FileSize: -1})
	for _, want := range []string{"FS is nil", "Bytes is -1", "Files is -9223372036854775808", "FileSize is -1"} {
		assert.ErrorContains(t, err, want)
	}
	l := limit(t, driver.Mem(), driver.Quota{})
	assert.ErrorIs(t, store(t.Context(), l, "a", "x", driver.StoreOptions{}), driver.ErrQuota, "zero stores nothing")
	assert.NoError(t, store(t.Context(), l, "a", "", driver.StoreOptions{}))
	l = limit(t, driver.Mem(), driver.Quota{Bytes: math.MaxInt64, FileSize: math.MaxInt64, Files: math.MaxInt64})
	assert.NoError(t, store(t.Context(), l, "a", "x", driver.StoreOptions{}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = driver.Limit(ended, driver.Mem(), driver.Quota{Bytes: 1})
	assert.ErrorIs(t, err, context.Canceled)
}

// LimitFrom with a known usage costs no walk: it doesn't ask the FS.
func TestLimitFrom(t *testing.T) {
	m := driver.Mem()
	for _, name := range []string{"a", "b", "c"} {
		write(t, m, name, "0123456789")
	}
	watched := drivertest.Faulty(m)
	l, err := driver.LimitFrom(watched, driver.Quota{Bytes: 50, Files: 4}, 30, 3)
	require.NoError(t, err)
	assert.Empty(t, watched.Calls())
	assert.Equal(t, "30 bytes 3 files", used(l))
	assert.ErrorIs(t, store(t.Context(), l, "d", strings.Repeat("x", 21), driver.StoreOptions{}), driver.ErrQuota)
	require.NoError(t, store(t.Context(), l, "d", strings.Repeat("x", 20), driver.StoreOptions{}))
	assert.ErrorIs(t, store(t.Context(), l, "e", "", driver.StoreOptions{}), driver.ErrQuota)
	require.NoError(t, l.Remove(t.Context(), "a"))
	assert.Equal(t, "40 bytes 3 files", used(l))
	require.NoError(t, l.Measure(t.Context()))
	assert.Equal(t, "40 bytes 3 files", used(l), "what was counted is what a walk finds")

	_, err = driver.LimitFrom(nil, driver.Quota{Bytes: -1}, -2, -3)
	for _, want := range []string{"FS is nil", "Bytes is -1", "bytes stored is -2", "files stored is -3"} {
		assert.ErrorContains(t, err, want)
	}
}

// A usage that is too low lets no more be stored beyond the quota than it lacks.
func TestLimitFromTooLittle(t *testing.T) {
	m := driver.Mem()
	for _, name := range []string{"a", "b"} {
		write(t, m, name, "0123456789")
	}
	l, err := driver.LimitFrom(m, driver.Quota{Bytes: 30}, 0, 0)
	require.NoError(t, err)
	require.NoError(t, l.Remove(t.Context(), "a"))
	assert.Equal(t, "0 bytes 0 files", used(l))
	space, err := l.Space(t.Context(), ".")
	require.NoError(t, err)
	assert.EqualValues(t, 30, space)
	require.NoError(t, store(t.Context(), l, "c", strings.Repeat("x", 30), driver.StoreOptions{}))
	assert.ErrorIs(t, store(t.Context(), l, "d", "x", driver.StoreOptions{}), driver.ErrQuota)
	require.NoError(t, l.Measure(t.Context()))
	assert.Equal(t, "40 bytes 2 files", used(l))
}

func TestLimitCounts(t *testing.T) {
	m := driver.Mem()
	require.NoError(t, m.Mkdir(t.Context(), "d"))
	write(t, m, "d/old", strings.Repeat("x", 30))
	l := limit(t, m, driver.Quota{Bytes: 100})
	assert.Equal(t, "30 bytes 1 files", used(l), "what was there counts")

	write(t, l, "a", strings.Repeat("x", 60))
	assert.Equal(t, "90 bytes 2 files", used(l))
	assert.ErrorIs(t, store(t.Context(), l, "b", strings.Repeat("x", 11), driver.StoreOptions{}), driver.ErrQuota)
	assert.Equal(t, "90 bytes 2 files", used(l), "a refused upload gives back what it counted")
	require.NoError(t, store(t.Context(), l, "a", strings.Repeat("x", 10), driver.StoreOptions{Append: true}))
	assert.ErrorIs(t, store(t.Context(), l, "a", "x", driver.StoreOptions{Append: true}), driver.ErrQuota, "APPE counts")
	assert.ErrorIs(t, store(t.Context(), l, "a", "x", driver.StoreOptions{Offset: 70}), driver.ErrQuota, "REST counts")
	assert.Equal(t, "100 bytes 2 files", used(l))
	n, err := driver.Space(t.Context(), l, ".")
	require.NoError(t, err)
	assert.Zero(t, n)

	require.NoError(t, l.Remove(t.Context(), "d/old"))
	assert.Equal(t, "70 bytes 1 files", used(l))
	require.NoError(t, store(t.Context(), l, "a", "0123456789", driver.StoreOptions{Offset: 20}))
	assert.Equal(t, "30 bytes 1 files", used(l), "what an offset cuts off is given back")
	write(t, l, "b", "x")
	require.NoError(t, l.Rename(t.Context(), "b", "a"))
	assert.Equal(t, "1 bytes 1 files", used(l), "a file replaced by a rename is given back")
	require.NoError(t, l.Rename(t.Context(), "a", "a"))
	assert.Equal(t, "1 bytes 1 files", used(l))
	write(t, l, "a", "")
	assert.Equal(t, "0 bytes 1 files", used(l), "so is a file replaced by an upload")
}

func TestLimitFiles(t *testing.T) {
	l := limit(t, driver.Mem(), driver.Quota{Bytes: 100, Files: 2})
	write(t, l, "a", "")
	u := begun(t, l, "b", "x", driver.StoreOptions{})
	assert.ErrorIs(t, store(t.Context(), l, "c", "", driver.StoreOptions{}), driver.ErrQuota)
	require.NoError(t, u.Close(errors.New("cut")))
	write(t, l, "c", "")
	write(t, l, "c", "again")
	assert.ErrorIs(t, store(t.Context(), l, "d", "", driver.StoreOptions{}), driver.ErrQuota)
	require.NoError(t, l.Mkdir(t.Context(), "dir"))
	require.NoError(t, l.Remove(t.Context(), "a"))
	write(t, l, "d", "")
}

func TestLimitFileSize(t *testing.T) {
	for name, fsys := range map[string]driver.FS{"mem": driver.Mem(), "dir": openDir(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			l := limit(t, fsys, driver.Quota{Bytes: 100, FileSize: 10})
			write(t, l, "a", "0123456789")
			assert.ErrorIs(t, store(t.Context(), l, "a", "x", driver.StoreOptions{Append: true}), driver.ErrQuota)
			assert.ErrorIs(t, store(t.Context(), l, "a", "xx", driver.StoreOptions{Offset: 9}), driver.ErrQuota)
			assert.ErrorIs(t, store(t.Context(), l, "b", "0123456789x", driver.StoreOptions{}), driver.ErrQuota)
			require.NoError(t, store(t.Context(), l, "a", "x", driver.StoreOptions{Offset: 9}))
			assert.Equal(t, "10 bytes 1 files", used(l))
		})
	}
}

// An upload that appends keeps the file as it is at Commit, and counts the bytes that
// the file has then.
func TestLimitReplaceDuringAppend(t *testing.T) {
	l := limit(t, driver.Mem(), driver.Quota{Bytes: 100})
	write(t, l, "a", strings.Repeat("x", 80))
	u := begun(t, l, "a", "y", driver.StoreOptions{Append: true})
	require.ErrorIs(t, l.Remove(t.Context(), "a"), fs.ErrPermission)
	write(t, l, "a", "")
	write(t, l, "b", strings.Repeat("x", 99))
	require.NoError(t, u.Commit())
	assert.Equal(t, "100 bytes 2 files", used(l))
	write(t, l, "b", "")

	v := begun(t, l, "a", "z", driver.StoreOptions{Append: true})
	write(t, l, "a", strings.Repeat("x", 98))
	require.NoError(t, v.Commit())
	assert.Equal(t, "99 bytes 2 files", used(l))
}

func TestLimitRenameDuringUpload(t *testing.T) {
	for name, fsys := range map[string]driver.FS{"mem": driver.Mem(), "dir": openDir(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			l := limit(t, fsys, driver.Quota{Bytes: 100})
			require.NoError(t, l.Mkdir(t.Context(), "d"))
			write(t, l, "other", "x")
			u := begun(t, l, "d/a", strings.Repeat("x", 50), driver.StoreOptions{})
			for _, names := range [][2]string{{"d", "e"}, {"d/a", "b"}, {"other", "d/a"}} {
				assert.ErrorIs(t, l.Rename(t.Context(), names[0], names[1]), fs.ErrPermission)
			}
			require.NoError(t, u.Commit())
			assert.Equal(t, "51 bytes 2 files", used(l))
			require.NoError(t, l.Rename(t.Context(), "d", "e"))
			require.ErrorIs(t, l.Symlink(t.Context(), "e/a", "link"), errors.ErrUnsupported)
		})
	}
}

func TestLimitTwoUploadsOfOneFile(t *testing.T) {
	for name, fsys := range map[string]driver.FS{"mem": driver.Mem(), "dir": openDir(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			l := limit(t, fsys, driver.Quota{Bytes: 100})
			write(t, l, "a", strings.Repeat("x", 40))
			u1 := begun(t, l, "a", "12345", driver.StoreOptions{})
			u2 := begun(t, l, "a", "1234567", driver.StoreOptions{})
			assert.Equal(t, "52 bytes 1 files", used(l))
			require.NoError(t, u2.Commit())
			require.NoError(t, u1.Commit())
			assert.Equal(t, "5 bytes 1 files", used(l))
		})
	}
}

func TestLimitUploadsTogether(t *testing.T) {
	for name, fsys := range map[string]driver.FS{"mem": driver.Mem(), "dir": openDir(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			l := limit(t, fsys, driver.Quota{Bytes: 1000})
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					err := store(context.Background(), l, fmt.Sprint(i), strings.Repeat("x", 300), driver.StoreOptions{})
					if err != nil {
						assert.ErrorIs(t, err, driver.ErrQuota)
					}
				})
			}
			wg.Wait()
			bytes, files := l.Used()
			assert.LessOrEqual(t, bytes, int64(1000))
			assert.Equal(t, files*300, bytes)
			before := used(l)
			require.NoError(t, l.Measure(t.Context()))
			assert.Equal(t, before, used(l))
		})
	}
}

func TestLimitReadFrom(t *testing.T) {
	const size = 3<<20 + 5
	for _, tt := range []struct {
		quota, want int64
		err         error
	}{
		{size + 1, size, nil}, {size, size, nil}, {size - 1, size - 1, driver.ErrQuota}, {1 << 20, 1 << 20, driver.ErrQuota}, {0, 0, driver.ErrQuota},
	} {
		l := limit(t, openDir(t, t.TempDir()), driver.Quota{Bytes: tt.quota})
		u, err := l.Store(t.Context(), "a", driver.StoreOptions{})
		require.NoError(t, err)
		n, err := u.(io.ReaderFrom).ReadFrom(strings.NewReader(strings.Repeat("x", size)))
		assert.Equal(t, tt.want, n)
		assert.ErrorIs(t, err, tt.err)
		if tt.err != nil {
			assert.ErrorIs(t, u.Commit(), tt.err)
		} else {
			assert.NoError(t, u.Commit())
		}
		require.NoError(t, u.Close(err))
		before := used(l)
		require.NoError(t, l.Measure(t.Context()))
		assert.Equal(t, used(l), before)
	}
}

// Whatever is done in whatever order, the count must be what a walk finds.
func TestLimitAtRandom(t *testing.T) {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	for name, fsys := range map[string]driver.FS{"mem": driver.Mem(), "dir": openDir(t, t.TempDir()), "in place": inPlace} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			l := limit(t, fsys, driver.Quota{Bytes: 500, Files: 6, FileSize: 150})
			pick := func() string { return string(rune('a' + r.IntN(8))) }
			for range 40 {
				var open []driver.Upload
				for range 12 {
					switch r.IntN(6) {
					case 0:
						_ = l.Remove(t.Context(), pick())
					case 1:
						_ = l.Rename(t.Context(), pick(), pick())
					case 2, 3:
						opts := driver.StoreOptions{Append: r.IntN(3) == 0, Offset: int64(r.IntN(3) * r.IntN(40)), Exclusive: r.IntN(5) == 0}
						if u, err := l.Store(t.Context(), pick(), opts); err == nil {
							_, _ = u.Write(make([]byte, r.IntN(120)))
							open = append(open, u)
						}
					case 4:
						if len(open) > 0 {
							_ = open[r.IntN(len(open))].Commit()
						}
					case 5:
						if len(open) > 0 {
							_ = open[r.IntN(len(open))].Close(errors.New("cut"))
						}
					}
					bytes, files := l.Used()
					require.LessOrEqual(t, bytes, int64(500))
					require.LessOrEqual(t, files, int64(6))
					noLarger(t, l, 150)
					if name == "in place" {
						require.Equal(t, onDisk(t, fsys), used(l))
					}
				}
				for _, u := range open {
					_ = u.Close(errors.New("cut"))
				}
				counted := used(l)
				require.NoError(t, l.Measure(t.Context()))
				require.Equal(t, used(l), counted)
				bytes, files := l.Used()
				require.LessOrEqual(t, bytes, int64(500))
				require.LessOrEqual(t, files, int64(6))
			}
		})
	}
}

// onDisk returns what a walk finds stored, in the form of used.
func onDisk(t *testing.T, fsys driver.FS) string {
	t.Helper()
	return used(limit(t, fsys, driver.Quota{}))
}

// A file that is being uploaded counts as a file. Room that a refused write could not
// use is free for other uploads at once.
func TestLimitWhileUploading(t *testing.T) {
	l := limit(t, driver.Mem(), driver.Quota{Bytes: 10, Files: 9})
	u := begun(t, l, "a", "123", driver.StoreOptions{})
	assert.Equal(t, "3 bytes 1 files", used(l))
	_, err := u.Write([]byte("12345678"))
	require.ErrorIs(t, err, driver.ErrQuota)
	assert.Equal(t, "3 bytes 1 files", used(l))
	write(t, l, "b", "1234567")
	require.NoError(t, u.Close(err))
	assert.Equal(t, "7 bytes 1 files", used(l))
}

// The size of one file bounds each write, from where the upload begins.
func TestLimitFileSizeFromOffset(t *testing.T) {
	l := limit(t, driver.Mem(), driver.Quota{Bytes: 100, FileSize: 10})
	write(t, l, "a", "12345678")
	for data, want := range map[string]error{"12345": nil, "123456": driver.ErrQuota} {
		u, err := l.Store(t.Context(), "a", driver.StoreOptions{Offset: 5})
		require.NoError(t, err)
		_, err = io.WriteString(u, data[:3])
		require.NoError(t, err)
		_, err = io.WriteString(u, data[3:])
		require.ErrorIs(t, err, want)
		require.NoError(t, u.Close(errors.New("cut")))
	}
}

// fewer is an FS whose uploads write less than they are given, with an error.
type fewer struct{ driver.FS }

func (f fewer) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := f.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return fewerUpload{u}, nil
}

type fewerUpload struct{ driver.Upload }

func (f fewerUpload) Write(p []byte) (int, error) {
	n, err := f.Upload.Write(p[:len(p)/2])
	if err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// Bytes of a Write that were not written don't count.
func TestLimitShortWrite(t *testing.T) {
	l := limit(t, fewer{driver.Mem()}, driver.Quota{Bytes: 100})
	u, err := l.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(u, "12345678")
	require.ErrorIs(t, err, io.ErrShortWrite)
	assert.Equal(t, "4 bytes 1 files", used(l))
	require.Error(t, u.Commit())
	require.NoError(t, u.Close(err))
	assert.Equal(t, "0 bytes 0 files", used(l))
}
