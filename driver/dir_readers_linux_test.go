package driver_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/syscalls"
)

// Two processes that may only read a file exclude each other as well: neither removes a file
// that the other has stored meanwhile, nor appends to the old one. Another open file of this
// process stands for the other process.
func TestDirWaitsForReadersOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d *driver.Dir, u driver.Upload, was fs.FileInfo) error
		err    error
		want   string
	}{
		"remove the same": {func(d *driver.Dir, _ driver.Upload, was fs.FileInfo) error {
			return d.RemoveSame(t.Context(), "a", was)
		}, driver.ErrChanged, "newer,"},
		"append": {func(_ *driver.Dir, u driver.Upload, _ fs.FileInfo) error { return u.Commit() }, nil, "newer,new"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			file := filepath.Join(path, "a")
			d := openDir(t, path)
			write(t, d, "a", "old,")
			was, err := d.Stat(t.Context(), "a")
			require.NoError(t, err)
			other, err := os.Open(file)
			require.NoError(t, err)
			defer other.Close()
			require.NoError(t, unix.FcntlFlock(other.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}))
			require.NoError(t, unix.Flock(int(other.Fd()), unix.LOCK_EX))
			u := begun(t, d, "a", "new", driver.StoreOptions{Append: true})
			tries := 0
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				switch {
				case call.Number == unix.SYS_OPENAT && call.Args[2]&unix.O_ACCMODE|call.Args[2]&unix.O_CREAT == unix.O_RDWR:
					return unix.EACCES
				case call.Number == unix.SYS_FLOCK && call.Args[1]&unix.LOCK_EX != 0 && call.Path(0) == file:
					tries++
				}
				if tries == 3 {
					tries++
					assert.NoError(t, os.WriteFile(filepath.Join(path, "b"), []byte("newer,"), 0o644))
					assert.NoError(t, os.Rename(filepath.Join(path, "b"), file))
					assert.NoError(t, other.Close())
				}
				return 0
			}, func() { err = c.change(d, u, was) }, unix.SYS_OPENAT, unix.SYS_FLOCK)
			require.ErrorIs(t, err, c.err)
			require.NoError(t, u.Close(err))
			require.GreaterOrEqual(t, tries, 3)
			require.Equal(t, c.want, read(t, d, "a"))
		})
	}
}

// Another process may add to the empty file that reserves a name, before the upload has
// locked that file: the upload is then added to the file as it is, and an exclusive one is
// refused.
func TestDirReservedNameIsTaken(t *testing.T) {
	for name, c := range map[string]struct {
		opts driver.StoreOptions
		err  error
		want string
	}{
		"append":    {driver.StoreOptions{Append: true}, nil, "other,new"},
		"exclusive": {driver.StoreOptions{Exclusive: true}, fs.ErrExist, "other,"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			u := begun(t, d, "a", "new", c.opts)
			var err error
			taken := false
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				if call.Number != unix.SYS_FCNTL {
					return onlyReplaces(call)
				}
				if !taken {
					taken = true
					assert.NoError(t, os.WriteFile(filepath.Join(path, "b"), []byte("other,"), 0o644))
					assert.NoError(t, os.Rename(filepath.Join(path, "b"), filepath.Join(path, "a")))
				}
				return 0
			}, func() { err = u.Commit() }, unix.SYS_LINKAT, unix.SYS_RENAMEAT2, unix.SYS_FCNTL)
			require.True(t, taken)
			require.ErrorIs(t, err, c.err)
			require.NoError(t, u.Close(err))
			require.Equal(t, c.want, read(t, d, "a"))
			require.Equal(t, []string{"a"}, entries(t, path))
		})
	}
}
