package driver_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// places are an FS of each kind, by name.
func places(t *testing.T) map[string]driver.FS {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	return map[string]driver.FS{"mem": driver.Mem(), "dir": openDir(t, t.TempDir()), "in place": inPlace}
}

// A file that many append to at once never exceeds FileSize, and holds all that was
// not refused.
func TestLimitFileSizeTogether(t *testing.T) {
	for name, fsys := range places(t) {
		for _, small := range []string{"begun together", "one after the other"} {
			t.Run(name+" "+small, func(t *testing.T) {
				l := limit(t, fsys, driver.Quota{Bytes: 1000, FileSize: 100})
				file := "a " + small
				write(t, l, file, strings.Repeat("x", 10))
				var committed int64
				var mu sync.Mutex
				var wg sync.WaitGroup
				for range 20 {
					one := func() {
						err := store(t.Context(), l, file, "0123456789", driver.StoreOptions{Append: true})
						if err != nil {
							assert.ErrorIs(t, err, driver.ErrQuota)
							return
						}
						mu.Lock()
						committed += 10
						mu.Unlock()
					}
					if small == "begun together" {
						wg.Go(one)
					} else {
						one()
					}
				}
				wg.Wait()
				fi, err := l.Stat(t.Context(), file)
				require.NoError(t, err)
				require.LessOrEqual(t, fi.Size(), int64(100))
				require.GreaterOrEqual(t, fi.Size(), 10+committed)
				if small != "begun together" {
					require.EqualValues(t, 100, fi.Size(), "nothing is refused that fits")
				}
				counted := used(l)
				require.NoError(t, l.Measure(t.Context()))
				require.Equal(t, used(l), counted)
				require.NoError(t, l.Remove(t.Context(), file))
			})
		}
	}
}

// Commit refuses an upload that fitted while it was written, if the file has become
// too large for it by another upload.
func TestLimitFileSizeAtCommit(t *testing.T) {
	l := limit(t, driver.Mem(), driver.Quota{Bytes: 1000, FileSize: 100})
	write(t, l, "a", "x")
	u := begun(t, l, "a", strings.Repeat("y", 50), driver.StoreOptions{Append: true})
	write(t, l, "a", strings.Repeat("x", 60))
	require.ErrorIs(t, u.Commit(), driver.ErrQuota)
	require.NoError(t, u.Close(errors.New("quota")))
	assert.Equal(t, "60 bytes 1 files", used(l))
}

// An append in place that waited for another upload counts the bytes that the other
// has written.
func TestLimitFileSizeAfterWait(t *testing.T) {
	d := openDir(t, t.TempDir())
	d.Uploads = driver.InPlace
	w := &changedInStore{FS: d}
	l := limit(t, w, driver.Quota{Bytes: 1000, FileSize: 100})
	write(t, l, "a", "x")
	w.before = func() { write(t, d, "a", strings.Repeat("x", 90)) }
	u := begun(t, l, "a", "1234567890", driver.StoreOptions{Append: true})
	_, err := u.Write([]byte("1"))
	require.ErrorIs(t, err, driver.ErrQuota)
	require.NoError(t, u.Close(err))
	fi, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	require.EqualValues(t, 100, fi.Size())
}

// changedInStore is an FS that does something in Store before the upload begins.
type changedInStore struct {
	driver.FS
	before func()
}

func (c *changedInStore) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if c.before != nil {
		c.before()
	}
	return c.FS.Store(ctx, name, opts)
}

// hanging is an FS in which the Commit of uploads to one name waits.
type hanging struct {
	driver.FS
	name    string
	reached chan struct{}
	release chan struct{}
}

func (h *hanging) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := h.FS.Store(ctx, name, opts)
	if err != nil || name != h.name {
		return u, err
	}
	return &hangingUpload{u, h}, nil
}

type hangingUpload struct {
	driver.Upload
	h *hanging
}

func (u *hangingUpload) Commit() error {
	close(u.h.reached)
	<-u.h.release
	return u.Upload.Commit()
}

// A Commit that hangs holds up no calls for other names, and those for the same
// name no longer than their contexts last.
func TestLimitCommitHangs(t *testing.T) {
	h := &hanging{FS: driver.Mem(), name: "a", reached: make(chan struct{}), release: make(chan struct{})}
	l := limit(t, h, driver.Quota{Bytes: 1000})
	u := begun(t, l, "a", "slow", driver.StoreOptions{})
	done := make(chan error)
	go func() { done <- u.Commit() }()
	<-h.reached

	write(t, l, "b", "quick")
	require.NoError(t, l.Rename(t.Context(), "b", "c"))
	require.NoError(t, l.Remove(t.Context(), "c"))
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, store(short, l, "a", "x", driver.StoreOptions{}), context.DeadlineExceeded)
	require.ErrorIs(t, l.Measure(short), context.DeadlineExceeded)
	close(h.release)
	require.NoError(t, <-done)
	require.Equal(t, "4 bytes 1 files", used(l))
}

// stuckFs is an afero.Fs whose Rename waits.
type stuckFs struct {
	afero.Fs
	reached, release chan struct{}
}

func (s *stuckFs) Rename(from, to string) error {
	close(s.reached)
	<-s.release
	return s.Fs.Rename(from, to)
}

// An afero.Fs that hangs in one call holds up no calls for other names. A look at
// the name in question ends with its context.
func TestAferoHangs(t *testing.T) {
	s := &stuckFs{afero.NewMemMapFs(), make(chan struct{}), make(chan struct{})}
	f := driver.Afero(s)
	require.NoError(t, afero.WriteFile(s.Fs, "/a", []byte("old"), 0o644))
	require.NoError(t, afero.WriteFile(s.Fs, "/b", []byte("b"), 0o644))
	u := begun(t, f, "a", "new", driver.StoreOptions{})
	done := make(chan error)
	go func() { done <- u.Commit() }()
	<-s.reached

	require.Equal(t, "b", read(t, f, "b"))
	require.NoError(t, f.Mkdir(t.Context(), "d"))
	require.NoError(t, f.Remove(t.Context(), "b"))
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := f.Stat(short, "a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = f.Open(short, "a", 0)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, f.Remove(short, "a"), context.DeadlineExceeded)
	close(s.release)
	require.NoError(t, <-done)
	require.Equal(t, "new", read(t, f, "a"))
}
