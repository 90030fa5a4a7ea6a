package server_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/server"
)

// withFiles serves other files.
func withFiles(files driver.FS) func(*server.Server) {
	return func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, files) }
}

// Row 31: a copy is refused where a STOR would be, works from one file system
// to another, and neither name leads out.
func TestCopyBounds(t *testing.T) {
	dir, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	mem := driver.Mem()
	writeFile(t, mem, "a", "content")
	files, err := driver.Mount(map[string]driver.FS{"ro": driver.WithoutWrites(mem), "rw": dir, "rw2": mem})
	require.NoError(t, err)
	ts := start(t, withFiles(files))
	c := ts.login(t)
	copyTo := func(code int, from, to string) {
		t.Helper()
		c.cmd(350, "SITE CPFR %s", from)
		c.cmd(code, "SITE CPTO %s", to)
	}
	copyTo(250, "ro/a", "rw/a")
	require.Equal(t, "content", readFile(t, dir, "a"))
	copyTo(550, "rw/a", "ro/b")
	copyTo(550, "rw/a", "b")
	copyTo(250, "rw/a", "../../rw/b") // .. does not lead above the root
	require.Equal(t, "content", readFile(t, dir, "b"))
	c.cmd(550, "SITE CPFR ../../etc/passwd")
	c.cmd(550, "COMB ro/new rw/a")
	c.cmd(250, "COMB rw/new rw/a rw/b")
	require.Equal(t, "contentcontent", readFile(t, dir, "new"))
	// One FS under two names is one FS.
	copyTo(550, "rw2/a", "ro/a")
	require.Contains(t, c.cmd(250, "COMB rw/new ro/a").String(), "1 of the sources could not be removed")
	require.Equal(t, "content", readFile(t, mem, "a"))
}

// AVBL tells how much may be stored in a directory, and nothing about a file or a
// directory that does not exist.
func TestAvbl(t *testing.T) {
	limited, err := driver.Limit(t.Context(), driver.Mem(), driver.Quota{Bytes: 100})
	require.NoError(t, err)
	writeFile(t, limited, "a", "1234567890")
	require.NoError(t, limited.Mkdir(t.Context(), "sub"))
	files, err := driver.Mount(map[string]driver.FS{"q": limited, "ro": driver.WithoutWrites(driver.Mem())})
	require.NoError(t, err)
	ts := start(t, withFiles(files))
	c := ts.login(t)
	for dir, free := range map[string]string{"": "0", "/": "0", "ro": "0", "q": "90", "q/sub": "90"} {
		require.Equal(t, "213 "+free, c.cmd(213, "%s", strings.TrimSpace("AVBL "+dir)).String())
	}
	c.cmd(550, "AVBL q/a")
	c.cmd(550, "AVBL q/missing")
	c.cmd(550, "AVBL missing")
	c.cmd(250, "CWD q")
	c.cmd(550, "AVBL missing")
	require.Equal(t, "213 90", c.cmd(213, "AVBL sub").String())
}

// The server tells two names of one file from two files: otherwise a copy written
// in place would empty its own source, and COMB would remove what it made.
func TestCopyOntoItself(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need privileges")
	}
	root := t.TempDir()
	dir, err := driver.OpenDir(root)
	require.NoError(t, err)
	defer dir.Close()
	dir.Uploads = driver.InPlace
	writeFile(t, dir, "a", "content")
	require.NoError(t, os.Link(filepath.Join(root, "a"), filepath.Join(root, "hard")))
	require.NoError(t, os.Symlink("a", filepath.Join(root, "soft")))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root, "out")))
	files, err := driver.Mount(map[string]driver.FS{"x": dir, "y": dir})
	require.NoError(t, err)
	ts := start(t, withFiles(files))
	c := ts.login(t)
	for _, name := range []string{"x/a", "x/hard", "x/soft", "y/a", "y/hard"} {
		c.cmd(350, "SITE CPFR x/a")
		c.cmd(553, "SITE CPTO %s", name)
		c.cmd(553, "COMB x/a %s", name)
		c.cmd(553, "COMB %s x/a", name)
	}
	require.Equal(t, "content", readFile(t, dir, "a"))
	c.cmd(550, "SITE CPFR x/out")
	c.cmd(350, "SITE CPFR x/a")
	c.cmd(550, "SITE CPTO x/out")
	c.cmd(550, "COMB x/a x/out")
	c.cmd(550, "HASH x/out")
}

// failing is an FS whose uploads fail at some byte or at Commit.
type failing struct {
	driver.FS
	at int64 // from which byte on writes fail; negative has Commit fail
}

func (f failing) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := f.FS.Store(ctx, name, opts)
	return &failingUpload{Upload: up, at: f.at}, err
}

type failingUpload struct {
	driver.Upload
	at int64
	n  atomic.Int64
}

var errDisk = errors.New("disk failure at /real/path")

func (u *failingUpload) Write(p []byte) (int, error) {
	if u.at >= 0 && u.n.Add(int64(len(p))) > u.at {
		return 0, errDisk
	}
	return u.Upload.Write(p)
}

func (u *failingUpload) Commit() error {
	if u.at < 0 {
		return errDisk
	}
	return u.Upload.Commit()
}

// A COMB or CPTO that fails in the middle loses nothing, whatever the driver.
func TestCopyFails(t *testing.T) {
	for _, how := range []driver.Uploads{driver.Atomic, driver.InPlace} {
		for _, at := range []int64{0, 3, 5, -1} {
			dir, err := driver.OpenDir(t.TempDir())
			require.NoError(t, err)
			defer dir.Close()
			dir.Uploads = how
			for _, name := range []string{"t", "a", "b"} {
				writeFile(t, dir, name, name+name+name)
			}
			ts := start(t, withFiles(failing{dir, at}))
			c := ts.login(t)
			require.NotContains(t, c.cmd(451, "COMB t a b").String(), "real")
			require.Equal(t, "aaa", readFile(t, dir, "a"))
			require.Equal(t, "bbb", readFile(t, dir, "b"))
			require.Equal(t, "ttt", readFile(t, dir, "t"), "in place, too: it would be there twice when COMB is repeated")
			if at != 3 && at != 5 {
				c.cmd(350, "SITE CPFR a")
				c.cmd(451, "SITE CPTO t")
				require.Equal(t, "ttt", readFile(t, dir, "t"))
			}
		}
	}
	limited, err := driver.Limit(t.Context(), driver.Mem(), driver.Quota{Bytes: 10})
	require.NoError(t, err)
	writeFile(t, limited, "a", "123456")
	ts := start(t, withFiles(limited))
	c := ts.login(t)
	c.cmd(350, "SITE CPFR a")
	c.cmd(552, "SITE CPTO b")
	c.cmd(552, "COMB b a")
	_, err = limited.Stat(t.Context(), "b")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, "123456", readFile(t, limited, "a"))
}

// A file that is longer than one step of copying arrives whole or not at all.
func TestCopyOfLongFiles(t *testing.T) {
	mem := driver.Mem()
	long := strings.Repeat("0123456789", 100_000)
	for _, name := range []string{"a", "b", "c"} {
		writeFile(t, mem, name, long)
	}
	files := drivertest.Faulty(mem)
	ts := start(t, withFiles(files))
	c := ts.login(t)
	c.cmd(350, "SITE CPFR a")
	c.cmd(250, "SITE CPTO copy")
	require.True(t, readFile(t, mem, "copy") == long)
	c.cmd(250, "COMB both a b")
	require.True(t, readFile(t, mem, "both") == long+long)

	files.Set(drivertest.Fault{Method: "Open.Read", Call: 2, Do: drivertest.Fail(errDisk)})
	c.cmd(350, "SITE CPFR c")
	c.cmd(451, "SITE CPTO part")
	files.Set(drivertest.Fault{Method: "Open.Read", Call: 2, Do: drivertest.Fail(errDisk)})
	c.cmd(451, "COMB part c")
	files.Set()
	_, err := mem.Stat(t.Context(), "part")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.True(t, readFile(t, mem, "c") == long)
}

// Row 38: a driver that panics during a copy ends that session only.
func TestWorkPanics(t *testing.T) {
	for _, line := range []string{"HASH a", "XCRC a", "COMB b a", "CPTO"} {
		ts := start(t, func(srv *server.Server) {
			srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
				files := driver.Mem()
				writeFile(t, files, "a", "content")
				return &driver.Account{FS: panicOpen{files}}, nil
			})
		})
		c, other := ts.login(t), ts.login(t)
		if line == "CPTO" {
			c.cmd(350, "SITE CPFR a")
			line = "SITE CPTO b"
		}
		c.cmd(421, "%s", line)
		c.end()
		other.cmd(200, "NOOP")
	}
}

type panicOpen struct{ *driver.MemFS }

func (panicOpen) Checksum(context.Context, string, string, int64, int64) ([]byte, error) {
	panic("boom")
}
func (p panicOpen) Store(context.Context, string, driver.StoreOptions) (driver.Upload, error) {
	panic("boom")
}
