package driver_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func write(t testing.TB, fsys driver.FS, name, data string) {
	t.Helper()
	require.NoError(t, store(t.Context(), fsys, name, data, driver.StoreOptions{}))
}

func store(ctx context.Context, fsys driver.FS, name, data string, opts driver.StoreOptions) error {
	u, err := fsys.Store(ctx, name, opts)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(u, data); err != nil {
		return errors.Join(err, u.Close(err))
	}
	if err := u.Commit(); err != nil {
		return errors.Join(err, u.Close(err))
	}
	return u.Close(nil)
}

func read(t testing.TB, fsys driver.FS, name string) string {
	t.Helper()
	r, err := fsys.Open(t.Context(), name, 0)
	require.NoError(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}

func names(t testing.TB, fsys driver.FS, dir string) []string {
	t.Helper()
	var all []string
	for fi, err := range fsys.List(t.Context(), dir) {
		require.NoError(t, err)
		all = append(all, fi.Name())
	}
	return all
}

// methods are all methods of an FS that take a name, and all abilities.
func methods(ctx context.Context, fsys driver.FS) map[string]func(name string) error {
	return map[string]func(string) error{
		"Stat": func(n string) error { _, err := fsys.Stat(ctx, n); return err },
		"List": func(n string) error {
			for _, err := range fsys.List(ctx, n) {
				return err
			}
			return nil
		},
		"Open": func(n string) error {
			r, err := fsys.Open(ctx, n, 0)
			if err == nil {
				r.Close()
			}
			return err
		},
		"Store":      func(n string) error { return store(ctx, fsys, n, "evil", driver.StoreOptions{}) },
		"Append":     func(n string) error { return store(ctx, fsys, n, "evil", driver.StoreOptions{Append: true}) },
		"Offset":     func(n string) error { return store(ctx, fsys, n, "evil", driver.StoreOptions{Offset: 1}) },
		"Exclusive":  func(n string) error { return store(ctx, fsys, n, "evil", driver.StoreOptions{Exclusive: true}) },
		"CheckStore": func(n string) error { return driver.CheckStore(ctx, fsys, n, driver.StoreOptions{}) },
		"Mkdir":      func(n string) error { return fsys.Mkdir(ctx, n) },
		"Remove":     func(n string) error { return fsys.Remove(ctx, n) },
		"RemoveDir":  func(n string) error { return fsys.RemoveDir(ctx, n) },
		"RenameFrom": func(n string) error { return fsys.Rename(ctx, n, "renamed") },
		"RenameTo": func(n string) error {
			_ = store(ctx, fsys, "mine", "evil", driver.StoreOptions{})
			return fsys.Rename(ctx, "mine", n)
		},
		"SetTimes": func(n string) error {
			return driver.SetTimes(ctx, fsys, n, driver.Times{Modify: time.Unix(1, 0)})
		},
		"SetMode":  func(n string) error { return driver.SetMode(ctx, fsys, n, 0o777) },
		"SetGroup": func(n string) error { return driver.SetGroup(ctx, fsys, n, "12345") },
		"Symlink":  func(n string) error { return driver.Symlink(ctx, fsys, "mine", n) },
		"ReadLink": func(n string) error { _, err := driver.ReadLink(ctx, fsys, n); return err },
		"Space":    func(n string) error { _, err := driver.Space(ctx, fsys, n); return err },
	}
}

// both runs a test for each kind of upload.
func both(t *testing.T, f func(t *testing.T, d *driver.Dir, path string)) {
	for name, how := range map[string]driver.Uploads{"atomic": driver.Atomic, "in place": driver.InPlace} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			d.Uploads = how
			f(t, d, path)
		})
	}
}

func TestDirErrorsHideThePath(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		require.NoError(t, os.WriteFile(filepath.Join(path, "file"), nil, 0o644))
		require.NoError(t, d.Mkdir(t.Context(), "dir"))
		for _, name := range []string{"missing/a", "file/a", "dir", "../a", strings.Repeat("x", 300)} {
			for what, call := range methods(t.Context(), d) {
				if err := call(name); err != nil {
					assert.NotContains(t, err.Error(), filepath.Base(path), "%s %.20s", what, name)
				}
			}
		}
		long := d.Mkdir(t.Context(), strings.Repeat("x", 300))
		if runtime.GOOS != "windows" {
			assert.ErrorIs(t, long, driver.ErrName)
		}
	})
}

func TestDirTemporaryNamesAreTaken(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		hidden := filepath.Join(path, ".sallyport-abc")
		require.NoError(t, os.WriteFile(hidden, []byte("secret"), 0o666))
		require.NoError(t, os.Mkdir(filepath.Join(path, ".SALLYPORT-dir"), 0o777))
		for _, name := range []string{".sallyport-abc", ".sallyport-new", ".SallyPort-abc", ".SALLYPORT-dir/x", "a/.sallyport-/b"} {
			for what, call := range methods(t.Context(), d) {
				assert.ErrorIs(t, call(name), driver.ErrName, "%s %s", what, name)
			}
		}
		assert.NotContains(t, strings.ToLower(strings.Join(names(t, d, "."), " ")), "sallyport")
		b, err := os.ReadFile(hidden)
		require.NoError(t, err)
		assert.Equal(t, "secret", string(b))
	})
}

func TestDirAtomicLeavesNothing(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	write(t, d, "a", "old")
	for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 2}, {Exclusive: true}} {
		name := "a"
		if opts.Exclusive {
			name = "new"
		}
		u, err := d.Store(t.Context(), name, opts)
		require.NoError(t, err)
		_, err = u.Write([]byte("part"))
		require.NoError(t, err)
		require.NoError(t, u.Close(errors.New("cut")))
	}
	_, err := d.Store(t.Context(), "a", driver.StoreOptions{Offset: 100})
	require.ErrorIs(t, err, driver.ErrOffset)
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	require.Len(t, entries, 1, "temporary files must be gone")
}

// A directory on the way may be renamed while a file is being stored in it.
func TestDirAtomicFollowsItsDirectory(t *testing.T) {
	d := openDir(t, t.TempDir())
	require.NoError(t, d.Mkdir(t.Context(), "a"))
	u, err := d.Store(t.Context(), "a/f", driver.StoreOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, d.Rename(t.Context(), "a", "b"))
	require.NoError(t, d.Mkdir(t.Context(), "a"))
	require.NoError(t, u.Commit())
	assert.Equal(t, []string{"f"}, names(t, d, "b"))
	assert.Empty(t, names(t, d, "a"))
}

func TestDirSweep(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no flock: Sweep goes by age there")
	}
	path := t.TempDir()
	d := openDir(t, path)
	require.NoError(t, os.MkdirAll(filepath.Join(path, "a/b"), 0o777))
	for _, name := range []string{".sallyport-1", "a/b/.sallyport-2", "a/b/kept"} {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), nil, 0o666))
	}
	live, err := d.Store(t.Context(), "a/new", driver.StoreOptions{})
	require.NoError(t, err)
	elsewhere := openDir(t, path) // a second Dir stands for another process, which has no list of this one's uploads

	n, err := elsewhere.Sweep(t.Context(), -time.Hour)
	require.NoError(t, err)
	assert.Equal(t, 2, n, "whatever is not locked goes, however young")
	assert.NoFileExists(t, filepath.Join(path, "a/b/.sallyport-2"))
	require.NoError(t, live.Commit(), "an upload in progress stays")
	assert.FileExists(t, filepath.Join(path, "a/b/kept"))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Sweep(ended, 0)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestDirOpenGivesTheFile(t *testing.T) {
	d := openDir(t, t.TempDir())
	write(t, d, "a", "0123456789")
	r, err := d.Open(t.Context(), "a", 4)
	require.NoError(t, err)
	defer r.Close()
	part, ok := r.(driver.FilePart)
	require.True(t, ok, "sendfile needs a driver.FilePart, got %T", r)
	f, size := part.Part()
	assert.EqualValues(t, 6, size)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, "456789", string(b))
	u, err := d.Store(t.Context(), "b", driver.StoreOptions{})
	require.NoError(t, err)
	defer u.Close(nil)
	from, ok := u.(io.ReaderFrom)
	require.True(t, ok, "splice needs an io.ReaderFrom, got %T", u)
	n, err := from.ReadFrom(io.LimitReader(strings.NewReader("hello, world"), 5))
	require.NoError(t, err)
	assert.EqualValues(t, 5, n)
	require.NoError(t, u.Commit())
	assert.Equal(t, "hello", read(t, d, "b"))
}

func TestDirInPlaceCut(t *testing.T) {
	tests := []struct {
		name, data, want string
		opts             driver.StoreOptions
	}{
		{"replace", "new", "new", driver.StoreOptions{}},
		{"replace, nothing arrived", "", "", driver.StoreOptions{}},
		{"append", "new", "0123456789new", driver.StoreOptions{Append: true}},
		{"offset", "new", "012new", driver.StoreOptions{Offset: 3}},
		{"offset, nothing arrived", "", "0123456789", driver.StoreOptions{Offset: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := openDir(t, t.TempDir())
			d.Uploads = driver.InPlace
			write(t, d, "a", "0123456789")
			u, err := d.Store(t.Context(), "a", tt.opts)
			require.NoError(t, err)
			_, err = io.WriteString(u, tt.data)
			require.NoError(t, err)
			require.NoError(t, u.Close(errors.New("cut")))
			assert.Equal(t, tt.want, read(t, d, "a"))
		})
	}
}

func TestDirClosed(t *testing.T) {
	d := openDir(t, t.TempDir())
	u, err := d.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	for what, call := range methods(t.Context(), d) {
		assert.Error(t, call("a"), what)
	}
	_, err = d.Stat(t.Context(), "a")
	assert.ErrorIs(t, err, fs.ErrClosed)
	assert.NoError(t, u.Commit(), "an upload in progress can still be committed")
}

func TestOpenDirErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for _, path := range []string{file, filepath.Join(file, "x"), filepath.Join(t.TempDir(), "missing")} {
		_, err := driver.OpenDir(path)
		assert.Error(t, err, path)
	}
}

func TestDirSync(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, _ string) {
		d.Sync = true
		write(t, d, "a", "x")
		require.NoError(t, store(t.Context(), d, "b", "y", driver.StoreOptions{Exclusive: true}))
		assert.Equal(t, "xy", read(t, d, "a")+read(t, d, "b"))
	})
}

// RemoveSame keeps a file that is being written in place, because the file changes any
// moment. Remove removes it.
func TestDirRemoveSameWhileWritten(t *testing.T) {
	d := openDir(t, t.TempDir())
	d.Uploads = driver.InPlace
	write(t, d, "a", "old,")
	was, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	u := begun(t, d, "a", "", driver.StoreOptions{Append: true})
	require.ErrorIs(t, d.RemoveSame(t.Context(), "a", was), driver.ErrBusy)
	_, err = io.WriteString(u, "new")
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	require.NoError(t, u.Close(nil))
	require.ErrorIs(t, d.RemoveSame(t.Context(), "a", was), driver.ErrChanged)
	require.Equal(t, "old,new", read(t, d, "a"))
	u = begun(t, d, "a", "", driver.StoreOptions{Append: true})
	require.NoError(t, d.Remove(t.Context(), "a"))
	require.NoError(t, u.Close(nil))
}
