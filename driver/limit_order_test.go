package driver_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// An upload in place holds its file from Store on, and an upload that replaces the whole
// file waits for it in Commit. Neither holds a lock that the other waits for. Time is
// fake: it goes on only when no goroutine can, so that patience would end if they did.
func TestLimitInPlaceOrder(t *testing.T) {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	mounted, err := driver.Mount(map[string]driver.FS{".": driver.Mem(), "m": inPlace})
	require.NoError(t, err)
	for name, fsys := range map[string]driver.FS{"x": inPlace, "m/y": mounted} {
		for opts, want := range map[driver.StoreOptions]string{
			{Append: true, Whole: true}: "16 bytes",
			{Whole: true}:               "5 bytes",
		} {
			synctest.Test(t, func(t *testing.T) {
				l := limit(t, fsys, driver.Quota{Bytes: 1000, FileSize: 100})
				write(t, l, name, "begin: ")
				part := begun(t, l, name, "part", driver.StoreOptions{Append: true})
				whole := begun(t, l, name, "whole", opts)
				committed := make(chan error, 1)
				go func() { committed <- whole.Commit() }()
				synctest.Wait()
				require.NoError(t, part.Commit())
				require.NoError(t, <-committed)
				require.Equal(t, want+" 1 files", used(l))
				require.NoError(t, l.Measure(t.Context()))
				require.Equal(t, want+" 1 files", used(l))
				require.NoError(t, l.Remove(t.Context(), name))
			})
		}
	}
}

// Bytes of an append that is not in place count before they are in the file, also beside
// uploads in place.
func TestLimitInPlaceWhole(t *testing.T) {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	l := limit(t, inPlace, driver.Quota{Bytes: 1000, FileSize: 10})
	write(t, l, "a", "123")
	u := begun(t, l, "a", "45678", driver.StoreOptions{Append: true, Whole: true})
	require.NoError(t, store(t.Context(), l, "a", "123456", driver.StoreOptions{Whole: true}))
	require.ErrorIs(t, u.Commit(), driver.ErrQuota)
	require.NoError(t, u.Close(driver.ErrQuota))
	require.Equal(t, "6 bytes 1 files", used(l))
}

// Appends in place that end beside an upload of the whole file leave exactly the
// room that there is.
func TestLimitInPlaceRoom(t *testing.T) {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	l := limit(t, inPlace, driver.Quota{Bytes: 1000, FileSize: 10})
	write(t, l, "a", "1")
	long := begun(t, l, "a", "2", driver.StoreOptions{Append: true})
	whole := begun(t, l, "a", "345", driver.StoreOptions{Append: true, Whole: true})
	require.NoError(t, store(t.Context(), l, "a", "67", driver.StoreOptions{Append: true}))
	_, err := long.Write([]byte("8901")) // 1 + 1 + 3 + 2 are taken
	require.ErrorIs(t, err, driver.ErrQuota)
	require.NoError(t, long.Close(err))
	require.NoError(t, whole.Commit())
	require.NoError(t, store(t.Context(), l, "a", "890", driver.StoreOptions{Append: true}))
	require.ErrorIs(t, store(t.Context(), l, "a", "1", driver.StoreOptions{Append: true}), driver.ErrQuota)
	require.Equal(t, "10 bytes 1 files", used(l))
}

// late is an FS that writes in place, whose first upload is over before its Commit
// returns.
type late struct {
	driver.FS
	reached chan struct{}
	release chan struct{}
	begun   bool
}

func (l *late) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := l.FS.Store(ctx, name, opts)
	if err != nil || l.begun {
		return u, err
	}
	l.begun = true
	return &lateUpload{u, l}, nil
}

type lateUpload struct {
	driver.Upload
	l *late
}

func (u *lateUpload) Commit() error {
	err := u.Upload.Commit()
	close(u.l.reached)
	<-u.l.release
	return err
}

func (u *lateUpload) Unwrap() driver.Upload { return u.Upload }

// Bytes of an upload in place bound an append that begins after that upload has ended in
// the FS, but before it is counted for the file.
func TestLimitInPlaceAppendsBehindTheLast(t *testing.T) {
	for name, opts := range map[string]driver.StoreOptions{"replaces": {}, "offset": {Offset: 10}} {
		for kind, whole := range map[string]bool{"in place": false, "whole": true} {
			t.Run(name+" "+kind, func(t *testing.T) {
				inPlace := openDir(t, t.TempDir())
				inPlace.Uploads = driver.InPlace
				write(t, inPlace, "a", strings.Repeat("x", 90))
				fsys := &late{FS: inPlace, reached: make(chan struct{}), release: make(chan struct{})}
				l := limit(t, fsys, driver.Quota{Bytes: 1000, FileSize: 100})
				first := begun(t, l, "a", strings.Repeat("y", 80-int(opts.Offset)), opts)
				committed := make(chan error)
				go func() { committed <- first.Commit() }()
				<-fsys.reached
				fits := begun(t, l, "a", strings.Repeat("z", 20), driver.StoreOptions{Append: true, Whole: whole})
				_, err := fits.Write([]byte("z"))
				require.ErrorIs(t, err, driver.ErrQuota)
				require.NoError(t, fits.Close(err))
				close(fsys.release)
				require.NoError(t, <-committed)
				counted := used(l)
				require.NoError(t, l.Measure(t.Context()))
				require.Equal(t, used(l), counted)
				bytes, _ := l.Used()
				require.LessOrEqual(t, bytes, int64(100))
			})
		}
	}
}

// An upload in place that cuts off appended bytes has the room of those bytes, also when
// the append has ended in the FS and is not counted for the file yet.
func TestLimitInPlaceReplacesTheLast(t *testing.T) {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	write(t, inPlace, "a", strings.Repeat("x", 10))
	fsys := &late{FS: inPlace, reached: make(chan struct{}), release: make(chan struct{})}
	l := limit(t, fsys, driver.Quota{Bytes: 1000, FileSize: 100})
	first := begun(t, l, "a", strings.Repeat("y", 80), driver.StoreOptions{Append: true})
	committed := make(chan error)
	go func() { committed <- first.Commit() }()
	<-fsys.reached
	u := begun(t, l, "a", strings.Repeat("z", 60), driver.StoreOptions{})
	_, err := u.Write([]byte(strings.Repeat("z", 40)))
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	close(fsys.release)
	require.NoError(t, <-committed)
	require.Equal(t, "100 bytes 1 files", used(l))
	require.NoError(t, l.Measure(t.Context()))
	require.Equal(t, "100 bytes 1 files", used(l))
}

// An upload in place leaves room for an append that is not in place and was accepted
// before.
func TestLimitInPlaceBesideWholeAppend(t *testing.T) {
	inPlace := openDir(t, t.TempDir())
	inPlace.Uploads = driver.InPlace
	for name, opts := range map[string]driver.StoreOptions{"replaces": {}, "offset": {Offset: 10}} {
		t.Run(name, func(t *testing.T) {
			write(t, inPlace, "a", strings.Repeat("x", 60))
			l := limit(t, inPlace, driver.Quota{Bytes: 1000, FileSize: 100})
			require.NoError(t, store(t.Context(), l, "a", strings.Repeat("x", 10), driver.StoreOptions{Append: true}))
			whole := begun(t, l, "a", strings.Repeat("w", 30), driver.StoreOptions{Append: true, Whole: true})
			u := begun(t, l, "a", strings.Repeat("u", 70-int(opts.Offset)), opts)
			_, err := u.Write([]byte("u"))
			require.ErrorIs(t, err, driver.ErrQuota)
			require.NoError(t, u.Close(err))
			require.NoError(t, whole.Commit())
			require.Equal(t, "100 bytes 1 files", used(l))
			require.NoError(t, l.Measure(t.Context()))
			require.Equal(t, "100 bytes 1 files", used(l))
			require.NoError(t, store(t.Context(), l, "a", strings.Repeat("u", 100-int(opts.Offset)), opts))
		})
	}
}
