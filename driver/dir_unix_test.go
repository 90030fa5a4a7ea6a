//go:build unix

package driver_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// outside makes a tree with files beside the served one, and links from the served tree to
// them in each way that a link can be written.
func outside(t *testing.T) (served, secret string) {
	top := t.TempDir()
	served, secret = filepath.Join(top, "root"), filepath.Join(top, "rootX")
	for _, dir := range []string{served, secret, filepath.Join(secret, "dir"), filepath.Join(served, "deep")} {
		require.NoError(t, os.Mkdir(dir, 0o777))
	}
	require.NoError(t, os.WriteFile(filepath.Join(secret, "file"), []byte("secret"), 0o644))
	for name, target := range map[string]string{
		"absolute":  secret,
		"relative":  "../rootX",
		"up":        "..",
		"deep/link": "../../rootX",
		"twice":     "deep/link",
		"file":      "../rootX/file",
		"new":       "../rootX/new",
		"proc":      "/proc/self/cwd",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(served, name)))
	}
	return served, secret
}

// untouched checks that the files outside of the served tree are as they were.
func untouched(t *testing.T, secret string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(secret, "file"))
	require.NoError(t, err)
	assert.Equal(t, "secret", string(b))
	fi, err := os.Stat(filepath.Join(secret, "file"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o644), fi.Mode())
	assert.NotEqual(t, int64(1), fi.ModTime().Unix())
	entries, err := os.ReadDir(secret)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "something was made or removed outside")
}

func TestDirLinksDontLeadOut(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, _ string) {
		served, secret := outside(t)
		in := openDir(t, served)
		in.Uploads = d.Uploads
		escapes := []string{
			"absolute/file", "relative/file", "up/rootX/file", "deep/link/file", "twice/file",
			"absolute/dir", "relative/dir", "relative/new", "up/rootX/new", "twice/new", "proc/x",
		}
		for _, name := range escapes {
			for what, call := range methods(t.Context(), in) {
				assert.Error(t, call(name), "%s %s", what, name)
			}
		}
		// The links themselves may be renamed and removed, but what follows
		// them must fail.
		all := methods(t.Context(), in)
		for _, name := range []string{"file", "relative", "absolute", "twice", "new"} {
			for _, what := range []string{"Stat", "List", "Open", "Append", "Offset", "Store", "Exclusive", "Mkdir",
				"SetTimes", "SetMode", "SetGroup", "ReadLink", "Space", "Symlink"} {
				if name == "twice" && what == "ReadLink" {
					continue // it leads to another link inside
				}
				assert.Error(t, all[what](name), "%s %s", what, name)
			}
		}
		_, err := in.Stat(t.Context(), "relative/file")
		assert.ErrorIs(t, err, fs.ErrPermission)
		untouched(t, secret)
	})
}

// No method leaves the tree when a component of the path is swapped for a link meanwhile.
func TestDirSwappedForLink(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, _ string) {
		served, secret := outside(t)
		in := openDir(t, served)
		in.Uploads = d.Uploads
		dir, aside := filepath.Join(served, "swap"), filepath.Join(served, "aside")
		require.NoError(t, os.Mkdir(dir, 0o777))

		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_ = os.Rename(dir, aside)
				_ = os.Symlink("../rootX", dir)
				runtime.Gosched()
				_ = os.Remove(dir)
				_ = os.Rename(aside, dir)
			}
		})
		all := methods(t.Context(), in)
		deadline := time.Now().Add(700 * time.Millisecond)
		for time.Now().Before(deadline) {
			for _, call := range all {
				_ = call("swap/file")
				_ = call("swap/new")
				_ = call("swap/dir")
			}
			r, err := in.Open(t.Context(), "swap/file", 0)
			if err == nil {
				b := make([]byte, 6)
				n, _ := r.Read(b)
				r.Close()
				require.NotEqual(t, "secret", string(b[:n]))
			}
		}
		close(stop)
		wg.Wait()
		untouched(t, secret)
	})
}

func TestDirFollowsLinksInside(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		require.NoError(t, os.MkdirAll(filepath.Join(path, "x/y"), 0o777))
		require.NoError(t, os.Symlink("x/y", filepath.Join(path, "d")))
		write(t, d, "x/f", "old")
		require.NoError(t, d.Symlink(t.Context(), "x/f", "d/link"))
		require.NoError(t, d.Symlink(t.Context(), "x/later", "dangling"))

		target, err := os.Readlink(filepath.Join(path, "x/y/link"))
		require.NoError(t, err)
		assert.Equal(t, "../f", target, "a link counts from where its directory really is")
		assert.Equal(t, "old", read(t, d, "d/link"))

		write(t, d, "d/link", "new")
		assert.Equal(t, "new", read(t, d, "x/f"), "the target is replaced, not the link")
		fi, err := os.Lstat(filepath.Join(path, "x/y/link"))
		require.NoError(t, err)
		assert.NotZero(t, fi.Mode()&fs.ModeSymlink)

		require.NoError(t, store(t.Context(), d, "d/link", "er", driver.StoreOptions{Append: true}))
		assert.Equal(t, "newer", read(t, d, "x/f"))
		assert.ErrorIs(t, store(t.Context(), d, "dangling", "", driver.StoreOptions{Exclusive: true}), fs.ErrExist)
		write(t, d, "dangling", "now")
		assert.Equal(t, "now", read(t, d, "x/later"))
		require.NoError(t, d.Symlink(t.Context(), "gone/x", "nowhere"))
		assert.ErrorIs(t, store(t.Context(), d, "nowhere", "", driver.StoreOptions{}), fs.ErrNotExist)
		require.NoError(t, os.Symlink("loop", filepath.Join(path, "loop")))
		assert.ErrorIs(t, store(t.Context(), d, "loop", "", driver.StoreOptions{}), fs.ErrPermission)
	})
}

func TestDirNeverOpensSpecialFiles(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		require.NoError(t, syscall.Mkfifo(filepath.Join(path, "fifo"), 0o666))
		special := []string{"fifo"}
		if syscall.Mknod(filepath.Join(path, "null"), syscall.S_IFCHR|0o666, 1<<8|3) == nil {
			special = append(special, "null")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			all := methods(t.Context(), d)
			for _, name := range special {
				for _, what := range []string{"Open", "Store", "Append", "Offset", "Exclusive"} {
					err := all[what](name)
					if what != "Exclusive" {
						assert.ErrorIs(t, err, fs.ErrPermission, "%s %s", what, name)
					}
					assert.Error(t, err)
					assert.Error(t, all[what](name+"/x"), "%s below %s", what, name)
				}
				assert.ErrorIs(t, all["List"](name), driver.ErrNotDir)
				assert.NoError(t, all["Stat"](name))
			}
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("blocked on a FIFO")
		}
		assert.Len(t, names(t, d, "."), len(special))
		require.NoError(t, d.Remove(t.Context(), "fifo"))
	})
}

func TestDirModes(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		mode := func(name string) fs.FileMode {
			fi, err := d.Stat(t.Context(), name)
			require.NoError(t, err)
			return fi.Mode().Perm()
		}
		write(t, d, "plain", "")
		require.NoError(t, d.Mkdir(t.Context(), "plaindir"))
		assert.Equal(t, fs.FileMode(0o640), mode("plain"), "0666 less the umask")
		assert.Equal(t, fs.FileMode(0o750), mode("plaindir"), "0777 less the umask")

		require.NoError(t, d.SetMode(t.Context(), "plain", 0o606))
		write(t, d, "plain", "new")
		require.NoError(t, store(t.Context(), d, "plain", "er", driver.StoreOptions{Append: true}))
		assert.Equal(t, fs.FileMode(0o606), mode("plain"), "a file that is replaced keeps its mode")

		d.FileMode, d.DirMode = 0o664, 0o775
		write(t, d, "shared", "")
		require.NoError(t, d.Mkdir(t.Context(), "shareddir"))
		assert.Equal(t, fs.FileMode(0o664), mode("shared"), "FileMode whatever the umask")
		assert.Equal(t, fs.FileMode(0o775), mode("shareddir"), "DirMode whatever the umask")

		require.NoError(t, os.Chmod(filepath.Join(path, "shareddir"), 0o775|fs.ModeSetgid))
		require.NoError(t, d.SetMode(t.Context(), "shareddir", 0o700))
		fi, err := d.Stat(t.Context(), "shareddir")
		require.NoError(t, err)
		assert.Equal(t, fs.ModeDir|fs.ModeSetgid|0o700, fi.Mode(), "other bits stay")
	})
}

func TestDirAtomicLeavesReadOnlyFiles(t *testing.T) {
	d := openDir(t, t.TempDir())
	write(t, d, "a", "old")
	require.NoError(t, d.SetMode(t.Context(), "a", 0o444))
	assert.ErrorIs(t, store(t.Context(), d, "a", "new", driver.StoreOptions{}), fs.ErrPermission)
	assert.Equal(t, "old", read(t, d, "a"))
}

func TestDirKeepsTheOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	path := t.TempDir()
	d := openDir(t, path)
	write(t, d, "a", "old")
	require.NoError(t, os.Chown(filepath.Join(path, "a"), 12345, 23456))
	write(t, d, "a", "new")
	fi, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "12345", fi.(driver.FileOwner).Owner(), "no name, so the number")
	assert.Equal(t, "23456", fi.(driver.FileOwner).Group())
	require.NoError(t, d.SetGroup(t.Context(), "a", "34567"))
	fi, err = d.Stat(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "34567", fi.(driver.FileOwner).Group())
	assert.ErrorIs(t, d.SetGroup(t.Context(), "a", "no such group"), fs.ErrNotExist)
	assert.ErrorIs(t, d.SetGroup(t.Context(), "a", "-1"), fs.ErrNotExist)
	require.NoError(t, os.Chown(filepath.Join(path, "a"), os.Getuid(), 23456))
	write(t, d, "a", "new")
	fi, err = d.Stat(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "23456", fi.(driver.FileOwner).Group(), "though the owner is the same")
}

func TestDirOwners(t *testing.T) {
	d := openDir(t, t.TempDir())
	write(t, d, "a", "")
	owner := func() string {
		fi, err := d.Stat(t.Context(), "a")
		require.NoError(t, err)
		return fi.(driver.FileOwner).Owner()
	}
	assert.NotEmpty(t, owner())
	d.Owners = driver.OwnerNumbers
	assert.Equal(t, strconv.Itoa(os.Getuid()), owner())
	d.Owners = driver.OwnersHidden
	assert.Empty(t, owner())
}

func TestDirIDs(t *testing.T) {
	d := openDir(t, t.TempDir())
	write(t, d, "a", "")
	write(t, d, "b", "")
	seen := make(map[string]bool)
	for fi, err := range d.List(t.Context(), ".") {
		require.NoError(t, err)
		id := fi.(driver.FileID).ID()
		assert.NotEmpty(t, id)
		assert.False(t, seen[id])
		seen[id] = true
	}
}

// A chain of many links is refused, so that it doesn't keep the server busy.
func TestDirLinkChain(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	for i := range 50 {
		require.NoError(t, os.Symlink("l"+strconv.Itoa(i+1), filepath.Join(path, "l"+strconv.Itoa(i))))
	}
	_, err := d.Stat(t.Context(), "l0")
	assert.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorIs(t, store(t.Context(), d, "l0", "", driver.StoreOptions{}), fs.ErrPermission)
}

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o666) }

// A directory that seems empty can be removed, unless an upload into it is in progress: then
// the error says so to the client.
func TestDirRemoveDirSweeps(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		require.NoError(t, d.Mkdir(t.Context(), "d"))
		require.NoError(t, os.WriteFile(filepath.Join(path, "d/.sallyport-left"), nil, 0o666))
		other := openDir(t, path) // a second Dir stands for another process
		up, err := other.Store(t.Context(), "d/a", driver.StoreOptions{})
		require.NoError(t, err)
		err = d.RemoveDir(t.Context(), "d")
		require.ErrorIs(t, err, driver.ErrNotEmpty)
		var own *driver.Error
		require.ErrorAs(t, err, &own)
		require.Equal(t, 450, own.Code)
		require.NoError(t, up.Close(nil))
		require.NoError(t, d.RemoveDir(t.Context(), "d"))

		require.NoError(t, d.Mkdir(t.Context(), "left"))
		require.NoError(t, os.WriteFile(filepath.Join(path, "left/.sallyport-left"), nil, 0o666))
		require.NoError(t, d.RemoveDir(t.Context(), "left"), "nobody holds what is in it")

		require.NoError(t, d.Mkdir(t.Context(), "full"))
		write(t, d, "full/a", "x")
		up, err = other.Store(t.Context(), "full/b", driver.StoreOptions{})
		require.NoError(t, err)
		err = d.RemoveDir(t.Context(), "full")
		require.ErrorIs(t, err, driver.ErrNotEmpty)
		require.NotErrorAs(t, err, new(*driver.Error), "to wait for the upload would not help")
		require.NoError(t, up.Close(nil))
	})
}

// A sweep doesn't stop where the system ends a batch of a listing.
func TestDirSweepsAll(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	const many = 100
	for i := range many {
		require.NoError(t, os.WriteFile(filepath.Join(path, fmt.Sprint(".sallyport-", i)), nil, 0o666))
	}
	n, err := d.Sweep(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Equal(t, many, n)
	left, err := os.ReadDir(path)
	require.NoError(t, err)
	require.Empty(t, left)
}

// Renaming a link over the file that it leads to is refused: the link would lead to itself,
// and the file would be gone.
func TestDirKeepsFileOfRenamedLink(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		write(t, d, "a", "content")
		require.NoError(t, d.Mkdir(t.Context(), "d"))
		require.NoError(t, os.Symlink("a", filepath.Join(path, "link")))
		require.NoError(t, os.Symlink("../link", filepath.Join(path, "d", "far")))
		for _, link := range []string{"link", "d/far"} {
			require.ErrorIs(t, d.Rename(t.Context(), link, "a"), fs.ErrExist)
			require.Equal(t, "content", read(t, d, "a"))
		}
		write(t, d, "b", "other")
		require.NoError(t, d.Rename(t.Context(), "link", "b"))
		require.Equal(t, "content", read(t, d, "b"), "the link replaces another file")
		require.NoError(t, d.Rename(t.Context(), "a", "b"), "a file replaces its link")
		require.Equal(t, "content", read(t, d, "b"))
	})
}

// Commit replaces the file that is there at that moment: the new file gets the permission
// bits that this one has by then, and Commit fails if it has become read-only.
func TestDirModeChangedDuringUpload(t *testing.T) {
	for name, c := range map[string]struct {
		old  bool
		mode fs.FileMode
		err  error
		want string
	}{
		"private":           {true, 0o600, nil, "new"},
		"read-only":         {true, 0o444, fs.ErrPermission, "other"},
		"made":              {false, 0o600, nil, "new"},
		"made as read-only": {false, 0o400, fs.ErrPermission, "other"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			file := filepath.Join(path, "a")
			if c.old {
				require.NoError(t, os.WriteFile(file, []byte("other"), 0o644))
			}
			u := begun(t, d, "a", "new", driver.StoreOptions{})
			if !c.old {
				require.NoError(t, os.WriteFile(file, []byte("other"), 0o644))
			}
			require.NoError(t, os.Chmod(file, c.mode))
			err := u.Commit()
			require.ErrorIs(t, err, c.err)
			require.NoError(t, u.Close(err))
			require.Equal(t, c.want, read(t, d, "a"))
			fi, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, c.mode, fi.Mode())
			require.Equal(t, []string{"a"}, entries(t, path))
		})
	}
}
