package driver_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/syscalls"
)

// Another process may take a free name first, and change its file again. STOR and RNTO to that
// name come before or after that change, and don't undo it.
func TestDirFreeNameIsTaken(t *testing.T) {
	for name, change := range map[string]func(d *driver.Dir) error{
		"STOR": func(d *driver.Dir) error { return store(t.Context(), d, "a", "new", driver.StoreOptions{}) },
		"RNTO": func(d *driver.Dir) error { return d.Rename(t.Context(), "b", "a") },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			write(t, d, "b", "new")
			file, longer := filepath.Join(path, "a"), filepath.Join(path, "longer")
			require.NoError(t, os.WriteFile(longer, []byte("other,appended,"), 0o644))
			var other *os.File
			appended := false
			appends := func() {
				appended = true
				assert.NoError(t, os.Rename(longer, file))
				assert.NoError(t, other.Close())
			}
			var err error
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				switch {
				case call.Number != unix.SYS_FCNTL && other == nil:
					var failed error
					other, failed = os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
					assert.NoError(t, failed)
					assert.NoError(t, unix.FcntlFlock(other.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
				case call.Number == unix.SYS_FCNTL && call.Path(0) == file && !appended:
					appends()
				}
				return 0
			}, func() { err = change(d) }, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_FCNTL)
			require.NoError(t, err)
			if !appended {
				appends()
			}
			require.Equal(t, "new", read(t, d, "a"))
		})
	}
}

// An upload takes a free name by the best means of the file system, and nobody sees an empty
// file by that name unless there is nothing but a plain rename. STOR, which replaces files by a
// plain rename anyway, doesn't reserve the name.
func TestDirTakesFreeName(t *testing.T) {
	for name, c := range map[string]struct {
		noReplace, link syscall.Errno
		reserved        bool
	}{
		"rename":         {},
		"not known":      {noReplace: unix.ENOSYS},
		"not by these":   {noReplace: unix.EINVAL},
		"rename only":    {link: unix.EPERM},
		"neither":        {noReplace: unix.EINVAL, link: unix.EPERM, reserved: true},
		"neither, other": {noReplace: unix.EOPNOTSUPP, link: unix.EOPNOTSUPP, reserved: true},
	} {
		for how, opts := range map[string]driver.StoreOptions{"STOR": {}, "STOU": {Exclusive: true}, "APPE": {Append: true}} {
			t.Run(name+" "+how, func(t *testing.T) {
				path := t.TempDir()
				d := openDir(t, path)
				u := begun(t, d, "a", "new", opts)
				reserved := false
				var err error
				syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
					if call.Number == unix.SYS_UNLINKAT {
						assert.Zero(t, openTemps(path), "NFS keeps an open file under another name")
						return 0
					}
					if _, err := os.Lstat(filepath.Join(path, "a")); !errors.Is(err, fs.ErrNotExist) {
						reserved = true
					}
					switch {
					case call.Number == unix.SYS_LINKAT:
						return c.link
					case call.Number == unix.SYS_RENAMEAT2 && call.Args[4]&unix.RENAME_NOREPLACE != 0:
						return c.noReplace
					}
					return 0
				}, func() { err = u.Commit() }, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_UNLINKAT)
				require.NoError(t, err)
				require.NoError(t, u.Close(nil))
				require.Equal(t, c.reserved && how != "STOR", reserved)
				require.Equal(t, "new", read(t, d, "a"))
				require.Equal(t, []string{"a"}, entries(t, path))
			})
		}
	}
}

// openTemps returns how many temporary files of a directory this process has open.
func openTemps(path string) (n int) {
	open, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range open {
		if file, err := os.Readlink(fd); err == nil && strings.HasPrefix(file, filepath.Join(path, ".sallyport-")) {
			n++
		}
	}
	return n
}
