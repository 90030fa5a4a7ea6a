package driver_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func TestAferoCopyOnWriteBase(t *testing.T) {
	base := afero.NewMemMapFs()
	require.NoError(t, base.Mkdir("/d", 0o755))
	require.NoError(t, afero.WriteFile(base, "/d/a", []byte("base"), 0o644))
	f := driver.Afero(afero.NewCopyOnWriteFs(base, afero.NewMemMapFs()))
	ctx := t.Context()
	assert.ErrorIs(t, f.Remove(ctx, "d/a"), fs.ErrPermission, "only the base has it")
	assert.ErrorIs(t, f.Rename(ctx, "d/a", "d/b"), fs.ErrPermission)
	write(t, f, "d/a", "layer")
	assert.Equal(t, "layer", read(t, f, "d/a"))
	require.NoError(t, store(ctx, f, "d/a", "!", driver.StoreOptions{Append: true}))
	assert.Equal(t, "layer!", read(t, f, "d/a"))
	b, err := afero.ReadFile(base, "/d/a")
	require.NoError(t, err)
	assert.Equal(t, "base", string(b))
	assert.Equal(t, []string{"a"}, names(t, f, "d"))
}

// Listing a directory that shrinks meanwhile works with MemMapFs, which panics, with a
// lock held, when a directory shrinks between two readings.
func TestAferoDirectoryShrinksWhileListed(t *testing.T) {
	mem := afero.NewMemMapFs()
	based := afero.NewBasePathFs(afero.NewBasePathFs(mem, "/"), "/d")
	for _, f := range []driver.FS{driver.Afero(mem), driver.Afero(based)} {
		require.NoError(t, mem.MkdirAll("/d", 0o755))
		dir := "d"
		if _, err := f.Stat(t.Context(), dir); err != nil {
			dir = "."
		}
		for i := range 300 {
			require.NoError(t, afero.WriteFile(mem, "/d/"+strconv.Itoa(i), nil, 0o644))
		}
		listed := 0
		for _, err := range f.List(t.Context(), dir) {
			require.NoError(t, err)
			if listed++; listed > 1 {
				continue
			}
			for i := range 100 {
				require.NoError(t, f.Remove(t.Context(), path.Join(dir, strconv.Itoa(i))))
			}
		}
		assert.GreaterOrEqual(t, listed, 200)
		require.NoError(t, mem.RemoveAll("/d"))
	}
}

func TestAferoReadOnlyErrors(t *testing.T) {
	base := afero.NewMemMapFs()
	require.NoError(t, base.Mkdir("/d", 0o755))
	require.NoError(t, afero.WriteFile(base, "/a", []byte("x"), 0o644))
	f := driver.Afero(afero.NewReadOnlyFs(base))
	ctx := t.Context()
	for what, err := range map[string]error{
		"store":  store(ctx, f, "b", "", driver.StoreOptions{}),
		"mkdir":  f.Mkdir(ctx, "e"),
		"remove": f.Remove(ctx, "a"),
		"rmdir":  f.RemoveDir(ctx, "d"),
		"rename": f.Rename(ctx, "a", "b"),
		"mode":   driver.SetMode(ctx, f, "a", 0o600),
	} {
		assert.ErrorIs(t, err, fs.ErrPermission, what)
	}
}

// stubborn is a file system whose Rename fails in a way that real ones do.
type stubborn struct {
	afero.Fs
	replaces bool
	renames  bool
}

func (s stubborn) Rename(from, to string) error {
	if !s.renames {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.ENOSYS}
	}
	if _, err := s.Stat(to); err == nil && !s.replaces {
		return errors.New("sftp: failure")
	}
	return s.Fs.Rename(from, to)
}

func TestAferoPoorRename(t *testing.T) {
	for name, s := range map[string]stubborn{
		"doesn't replace": {Fs: afero.NewMemMapFs(), renames: true},
		"not supported":   {Fs: afero.NewMemMapFs()},
	} {
		t.Run(name, func(t *testing.T) {
			f := driver.Afero(s)
			write(t, f, "a", "old and long")
			write(t, f, "a", "new")
			require.NoError(t, store(t.Context(), f, "a", "er", driver.StoreOptions{Append: true}))
			assert.Equal(t, "newer", read(t, f, "a"))
			u := begun(t, f, "a", "x", driver.StoreOptions{})
			require.NoError(t, u.Close(errors.New("cut")))
			assert.Equal(t, "newer", read(t, f, "a"))
			infos, err := afero.ReadDir(s.Fs, "/")
			require.NoError(t, err)
			assert.Len(t, infos, 1, "temporary files must be gone")
		})
	}
}

func TestAferoHidesTemporaryFiles(t *testing.T) {
	m := afero.NewMemMapFs()
	require.NoError(t, afero.WriteFile(m, "/.sallyport-left", nil, 0o644))
	f := driver.Afero(m)
	assert.Empty(t, names(t, f, "."))
	for what, call := range methods(t.Context(), f) {
		err := call(".sallyport-left")
		assert.Error(t, err, what)
		if !errors.Is(err, errors.ErrUnsupported) {
			assert.ErrorIs(t, err, driver.ErrName, what)
		}
	}
}

// The temporary file of an upload is renamed along with its directory, and is removed at
// the end of the upload.
func TestAferoDirectoryOfUpload(t *testing.T) {
	path := t.TempDir()
	f := driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), path))
	for _, dir := range []string{"d", "d/e"} {
		require.NoError(t, f.Mkdir(t.Context(), dir))
	}
	cut := begun(t, f, "d/e/cut", "x", driver.StoreOptions{})
	late := begun(t, f, "d/e/late", "x", driver.StoreOptions{})
	again := begun(t, f, "d/e/again", "x", driver.StoreOptions{})
	var known *driver.Error
	require.ErrorAs(t, f.RemoveDir(t.Context(), "d/e"), &known)
	require.Equal(t, 450, known.Code)
	require.NoError(t, f.Rename(t.Context(), "d", "h"))
	require.NoError(t, f.Rename(t.Context(), "h/e", "e"))
	require.NoError(t, cut.Close(errors.New("cut")))
	err := late.Commit()
	require.ErrorIs(t, err, fs.ErrNotExist, "the name has no directory any more")
	require.NoError(t, late.Close(err))
	for _, dir := range []string{"d", "d/e"} {
		require.NoError(t, f.Mkdir(t.Context(), dir))
	}
	require.NoError(t, again.Commit())
	require.NoError(t, again.Close(nil))
	require.Equal(t, "x", read(t, f, "d/e/again"))
	left, err := os.ReadDir(filepath.Join(path, "e"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Two renames of one file at once, which make MemMapFs by itself crash, work through
// Afero.
func TestAferoRenamesTogether(t *testing.T) {
	f := driver.Afero(afero.NewMemMapFs())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				_ = store(context.Background(), f, "a", "x", driver.StoreOptions{})
				_ = f.Rename(context.Background(), "a", "b")
				_ = f.Remove(context.Background(), "b")
			}
		})
	}
	wg.Wait()
}

func TestAferoNeverOpensSpecialFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no FIFOs")
	}
	path := t.TempDir()
	require.NoError(t, mkfifo(filepath.Join(path, "fifo")))
	f := driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), path))
	_, err := f.Open(t.Context(), "fifo", 0)
	assert.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorIs(t, store(t.Context(), f, "fifo", "", driver.StoreOptions{}), fs.ErrPermission)
}

func TestReadOnlySkipsWithoutSeeker(t *testing.T) {
	f := driver.ReadOnly(plainFS{strings.Repeat("0123456789", 300_000)})
	r, err := f.Open(t.Context(), "file", 2_999_995)
	require.NoError(t, err)
	b := make([]byte, 10)
	n, _ := r.Read(b)
	assert.Equal(t, "56789", string(b[:n]))
	require.NoError(t, r.Close())
	_, err = f.Open(t.Context(), "file", 3_000_001)
	assert.ErrorIs(t, err, driver.ErrOffset)
}

// plainFS has one file, which has no methods but those of fs.File.
type plainFS struct{ data string }

func (p plainFS) Open(name string) (fs.File, error) {
	m := tree()
	m["file"] = m["hello.txt"]
	m["file"].Data = []byte(p.data)
	f, err := m.Open(name)
	return struct{ fs.File }{f}, err
}
