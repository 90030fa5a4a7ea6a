package driver_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/syscalls"
)

// With Sync, acknowledged data is on the disk, in an order in which a loss of power leaves the old
// file or the new one. From whichever step the disk fails, the upload is refused and the old file
// stays, or the error says that the new one is there.
func TestDirSyncFails(t *testing.T) {
	small, large := "old", strings.Repeat("old/", 50_000)
	for name, c := range map[string]struct {
		old, want string
		opts      driver.StoreOptions
		synced    string // what is synced, each with the length of the file at that moment
	}{
		"new":            {"", "new", driver.StoreOptions{}, "temp:none dir:3"},
		"exclusive":      {"", "new", driver.StoreOptions{Exclusive: true}, "temp:none dir:3"},
		"replace":        {small, "new", driver.StoreOptions{}, "temp:3 dir:3"},
		"append to none": {"", "new", driver.StoreOptions{Append: true}, "temp:none dir:3"},
		"append":         {small, small + "new", driver.StoreOptions{Append: true}, "temp:3 dir:6"},
		"offset":         {small, "onew", driver.StoreOptions{Offset: 1}, "temp:3 dir:4"},
		"grow":           {large, large + "new", driver.StoreOptions{Append: true}, "a:200000 a:200003 a:200003 dir:200003"},
	} {
		for _, sync := range []string{"Sync", "Whole"} {
			for fails := 0; ; fails++ {
				path := t.TempDir()
				d := openDir(t, path)
				d.Sync = sync == "Sync"
				c.opts.Whole = !d.Sync
				file := filepath.Join(path, "a")
				if c.old != "" {
					require.NoError(t, os.WriteFile(file, []byte(c.old), 0o644))
				}
				u := begun(t, d, "a", "new", c.opts)
				var synced []string
				var err error
				syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
					synced = append(synced, kind(path, call.Path(0))+":"+length(file))
					if fails > 0 && len(synced) >= fails {
						return unix.EIO
					}
					return 0
				}, func() { err = u.Commit() }, unix.SYS_FSYNC)
				all := strings.Fields(c.synced)
				require.NoError(t, u.Close(err))
				got, _ := os.ReadFile(file)
				switch {
				case fails == 0:
					require.NoError(t, err)
					require.Equal(t, all, synced, name)
					require.Equal(t, c.want, string(got))
				case !lasts(err):
					require.ErrorIs(t, err, unix.EIO, "%s %d", name, fails)
					require.Equal(t, c.old, string(got), "%s %d", name, fails)
					require.Equal(t, c.old == "", errors.Is(statError(file), fs.ErrNotExist))
				default:
					require.Equal(t, c.want, string(got), "%s %d", name, fails)
				}
				if c.old != "" || string(got) != "" {
					require.Equal(t, []string{"a"}, entries(t, path), "%s %d", name, fails)
				} else {
					require.Empty(t, entries(t, path), "%s %d", name, fails)
				}
				if fails == len(all) {
					break
				}
			}
		}
	}
}

// lasts reports whether an error says that the file is there, though perhaps not for long.
func lasts(err error) bool {
	var own *driver.Error
	return errors.As(err, &own) && own.Code == 451
}

func statError(path string) error { _, err := os.Lstat(path); return err }

// kind returns "dir" for the directory itself, "temp" for a temporary file in it, else the name of
// the file.
func kind(dir, path string) string {
	switch name := filepath.Base(path); {
	case path == dir:
		return "dir"
	case strings.HasPrefix(name, ".sallyport-"):
		return "temp"
	default:
		return name
	}
}

// length returns the size of a file, "none" if it is missing.
func length(path string) string {
	fi, err := os.Stat(path)
	if err != nil {
		return "none"
	}
	return strconv.FormatInt(fi.Size(), 10)
}

// Exclusive uploads work on a file system without hard links and without a rename that replaces
// nothing: the name is reserved first, and given back if the upload can't have it.
func TestDirExclusiveWithoutLinks(t *testing.T) {
	for name, c := range map[string]struct {
		taken  bool // by another program, after Store
		rename syscall.Errno
		want   error
	}{
		"free":             {},
		"taken":            {taken: true, want: fs.ErrExist},
		"can't be renamed": {rename: unix.EIO, want: unix.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			u := begun(t, d, "a", "new", driver.StoreOptions{Exclusive: true})
			if c.taken {
				require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte("other"), 0o644))
			}
			var err error
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				if err := onlyReplaces(call); err != 0 {
					return err
				}
				return c.rename
			}, func() { err = u.Commit() }, unix.SYS_LINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2)
			require.ErrorIs(t, err, c.want)
			require.NoError(t, u.Close(err))
			switch {
			case c.taken:
				require.Equal(t, "other", read(t, d, "a"))
			case c.rename == 0:
				require.Equal(t, "new", read(t, d, "a"))
			default:
				require.Empty(t, entries(t, path))
				return
			}
			require.Equal(t, []string{"a"}, entries(t, path))
		})
	}
}

// onlyReplaces fails calls as a file system does that has no hard links and no rename that
// replaces nothing.
func onlyReplaces(call syscalls.Call) syscall.Errno {
	switch {
	case call.Number == unix.SYS_LINKAT:
		return unix.EPERM
	case call.Number == unix.SYS_RENAMEAT2 && call.Args[4]&unix.RENAME_NOREPLACE != 0:
		return unix.EINVAL
	}
	return 0
}

// Bytes are added behind the end of a large file only under locks that keep other processes off,
// and with marks by which they could remove the bytes. Without locks or marks the file is copied.
func TestDirCopiesWhatItCantGrow(t *testing.T) {
	for name, c := range map[string]struct {
		fails func(call syscalls.Call) bool
		with  syscall.Errno
		grows bool
	}{
		"nothing": {func(syscalls.Call) bool { return false }, 0, true},
		"lock of the file": {func(call syscalls.Call) bool {
			return call.Number == unix.SYS_FCNTL
		}, unix.ENOLCK, false},
		"lock of temporary": {func(call syscalls.Call) bool { return call.Number == unix.SYS_FLOCK }, unix.ENOLCK, false},
		"writing": {func(call syscalls.Call) bool {
			return call.Number == unix.SYS_OPENAT && call.Args[2]&unix.O_ACCMODE|call.Args[2]&unix.O_CREAT == unix.O_RDWR
		}, unix.EACCES, false},
		"attributes": {func(call syscalls.Call) bool { return call.Number == unix.SYS_FSETXATTR }, unix.ENOTSUP, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			old := strings.Repeat("old/", 50_000)
			write(t, d, "a", old)
			before, err := os.Stat(filepath.Join(path, "a"))
			require.NoError(t, err)
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				if c.fails(call) {
					return c.with
				}
				return 0
			}, func() { err = store(t.Context(), d, "a", "new", driver.StoreOptions{Append: true}) },
				unix.SYS_FCNTL, unix.SYS_FLOCK, unix.SYS_OPENAT, unix.SYS_FSETXATTR)
			require.NoError(t, err)
			require.True(t, old+"new" == read(t, d, "a"))
			require.Equal(t, []string{"a"}, entries(t, path))
			after, err := os.Stat(filepath.Join(path, "a"))
			require.NoError(t, err)
			require.Equal(t, c.grows, os.SameFile(before, after))
		})
	}
}

// An upload is refused, and the old file stays, if the file system tells only when a file is closed
// that it could not be written.
func TestDirFullOnClose(t *testing.T) {
	large := strings.Repeat("old/", 50_000)
	for name, c := range map[string]struct {
		old, closed string
		opts        driver.StoreOptions
	}{
		"replace":   {"old", "temp", driver.StoreOptions{}},
		"exclusive": {"", "temp", driver.StoreOptions{Exclusive: true}},
		"append":    {"old", "temp", driver.StoreOptions{Append: true}},
		"grow":      {large, "a", driver.StoreOptions{Append: true}},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			if c.old != "" {
				write(t, d, "a", c.old)
			}
			u := begun(t, d, "a", "new", c.opts)
			full := false
			var err error
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				if full || kind(path, call.Path(0)) != c.closed {
					return 0
				}
				full = true
				return unix.EDQUOT
			}, func() { err = u.Commit() }, unix.SYS_CLOSE)
			require.ErrorIs(t, err, driver.ErrQuota)
			require.NoError(t, u.Close(err))
			if c.old == "" {
				require.Empty(t, entries(t, path))
				return
			}
			require.True(t, c.old == read(t, d, "a"))
			require.Equal(t, []string{"a"}, entries(t, path))
		})
	}
}

// An upload is refused if it needs a mode that can't be set.
func TestDirModeFails(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		d.FileMode, d.Sync = 0o640, true
		var err error
		syscalls.Run(t, func(syscalls.Call) syscall.Errno { return unix.EPERM },
			func() { err = store(t.Context(), d, "a", "new", driver.StoreOptions{}) }, unix.SYS_FCHMOD)
		require.ErrorIs(t, err, fs.ErrPermission)
		if d.Uploads == driver.Atomic {
			require.Empty(t, entries(t, path))
		}
	})
}

// A name may lead to another file by the time that the first file is locked: the upload is added to
// the other file.
func TestDirLocksWhatTheNameLeadsTo(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	write(t, d, "a", "old")
	write(t, d, "b", "other")
	swapped := false
	var err error
	syscalls.Run(t, func(syscalls.Call) syscall.Errno {
		if !swapped {
			swapped = true
			assert.NoError(t, os.Rename(filepath.Join(path, "b"), filepath.Join(path, "a")))
		}
		return 0
	}, func() { err = store(t.Context(), d, "a", "new", driver.StoreOptions{Append: true}) }, unix.SYS_FCNTL)
	require.NoError(t, err)
	require.True(t, swapped)
	require.Equal(t, "othernew", read(t, d, "a"))
}

// A file that this process may not write is locked for reading, so that it isn't replaced while
// another process writes into it.
func TestDirWaitsForWritersOfOthers(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	write(t, d, "a", "old")
	other, err := os.OpenFile(filepath.Join(path, "a"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, unix.FcntlFlock(other.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	tries := 0
	u := begun(t, d, "a", "new", driver.StoreOptions{})
	syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
		if call.Number == unix.SYS_OPENAT {
			if call.Args[2]&unix.O_ACCMODE == unix.O_RDWR {
				return unix.EACCES
			}
			return 0
		}
		if tries++; tries == 5 {
			got, err := os.ReadFile(filepath.Join(path, "a"))
			assert.NoError(t, err)
			assert.Equal(t, "old", string(got))
			assert.NoError(t, other.Close())
		}
		return 0
	}, func() { err = u.Commit() }, unix.SYS_OPENAT, unix.SYS_FCNTL)
	require.NoError(t, err)
	require.GreaterOrEqual(t, tries, 5)
	require.Equal(t, "new", read(t, d, "a"))
}

// A sweep goes by the age of files where the file system has no locks or a file belongs to others.
// It leaves what this process itself is uploading.
func TestDirSweepsByAge(t *testing.T) {
	for name, fails := range map[string]func(call syscalls.Call) syscall.Errno{
		"without locks": func(call syscalls.Call) syscall.Errno {
			if call.Number == unix.SYS_FLOCK {
				return unix.ENOLCK
			}
			return 0
		},
		"of others": func(call syscalls.Call) syscall.Errno {
			if call.Number == unix.SYS_OPENAT && call.Args[2]&(unix.O_ACCMODE|unix.O_DIRECTORY|unix.O_NONBLOCK) == unix.O_NONBLOCK {
				return unix.EACCES
			}
			return 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			require.NoError(t, d.Mkdir(t.Context(), "d"))
			old, young := filepath.Join(path, "d", ".sallyport-old"), filepath.Join(path, "d", ".sallyport-young")
			long := time.Now().Add(-2 * time.Hour)
			require.NoError(t, os.WriteFile(old, nil, 0o644))
			require.NoError(t, os.Chtimes(old, long, long))
			require.NoError(t, os.WriteFile(young, nil, 0o644))
			var live driver.Upload
			var err, removed error
			syscalls.Run(t, fails, func() { live, err = d.Store(t.Context(), "a", driver.StoreOptions{}) }, unix.SYS_FLOCK, unix.SYS_OPENAT)
			require.NoError(t, err)
			for _, name := range inside(t, path) {
				require.NoError(t, os.Chtimes(filepath.Join(path, name), long, long))
			}
			var n int
			syscalls.Run(t, fails, func() {
				n, err = d.Sweep(t.Context(), time.Hour)
				removed = d.RemoveDir(t.Context(), "d")
			}, unix.SYS_FLOCK, unix.SYS_OPENAT)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.Equal(t, []string{".sallyport-young"}, entries(t, filepath.Join(path, "d")))
			require.ErrorIs(t, removed, driver.ErrNotEmpty)
			var own *driver.Error
			require.ErrorAs(t, removed, &own, "it may be an upload of another process")
			require.Equal(t, 450, own.Code)
			require.NoError(t, live.Commit())
			require.FileExists(t, filepath.Join(path, "a"))
		})
	}
}

// A sweep leaves a file that has got the name of a temporary file before that one was locked.
func TestDirSweepLooksAgain(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	left, other := filepath.Join(path, ".sallyport-left"), filepath.Join(path, "other")
	require.NoError(t, os.WriteFile(left, nil, 0o644))
	require.NoError(t, os.WriteFile(other, []byte("other"), 0o644))
	var n int
	var err error
	syscalls.Run(t, func(syscalls.Call) syscall.Errno {
		assert.NoError(t, os.Rename(other, left))
		return 0
	}, func() { n, err = d.Sweep(t.Context(), time.Hour) }, unix.SYS_FLOCK)
	require.NoError(t, err)
	require.Zero(t, n)
	require.FileExists(t, left)
}

// An upload takes a temporary file of another name if a sweep of another process removes the first
// one, or has locked it to do so.
func TestDirTempTakenBySweep(t *testing.T) {
	for name, locked := range map[string]syscall.Errno{"removed": 0, "being removed": unix.EWOULDBLOCK} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			tries := 0
			var err error
			syscalls.Run(t, func(syscalls.Call) syscall.Errno {
				if tries++; tries > 1 {
					return 0
				}
				if locked == 0 {
					left, err := filepath.Glob(filepath.Join(path, ".sallyport-*"))
					assert.NoError(t, err)
					assert.Len(t, left, 1)
					assert.NoError(t, os.Remove(left[0]))
				}
				return locked
			}, func() { err = store(t.Context(), d, "a", "new", driver.StoreOptions{}) }, unix.SYS_FLOCK)
			require.NoError(t, err)
			require.Equal(t, 2, tries)
			require.Equal(t, "new", read(t, d, "a"))
			require.Equal(t, []string{"a"}, entries(t, path))
		})
	}
}

// Sweep returns an error for a file that it could not remove. A file that vanished meanwhile is no
// error, and doesn't keep the directory from being removed.
func TestDirSweepTells(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	left, sub := filepath.Join(path, ".sallyport-left"), filepath.Join(path, "sub")
	require.NoError(t, os.WriteFile(left, nil, 0o644))
	require.NoError(t, d.Mkdir(t.Context(), "sub"))
	var n int
	var err error
	sweep := func() { n, err = d.Sweep(t.Context(), time.Hour) }
	syscalls.Run(t, func(syscalls.Call) syscall.Errno { return unix.EIO }, sweep, unix.SYS_UNLINKAT)
	require.ErrorIs(t, err, unix.EIO)
	require.Zero(t, n)
	require.FileExists(t, left)

	syscalls.Run(t, func(syscalls.Call) syscall.Errno {
		assert.NoError(t, errors.Join(os.Remove(left), os.Remove(sub)))
		return 0
	}, sweep, unix.SYS_FLOCK)
	require.NoError(t, err)
	require.Zero(t, n)

	require.NoError(t, d.Mkdir(t.Context(), "sub"))
	require.NoError(t, os.WriteFile(filepath.Join(sub, ".sallyport-left"), nil, 0o644))
	syscalls.Run(t, func(syscalls.Call) syscall.Errno {
		assert.NoError(t, os.Remove(filepath.Join(sub, ".sallyport-left")))
		return 0
	}, func() { err = d.RemoveDir(t.Context(), "sub") }, unix.SYS_FLOCK)
	require.NoError(t, err)
	require.Empty(t, entries(t, path))
}
