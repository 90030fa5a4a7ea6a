package driver_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// unprivileged runs f as a user who owns nothing, if need be in a thread of its
// own.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with the goroutine
		_, err := unix.SetfsuidRetUid(65534)
		if assert.NoError(t, err) {
			f()
		}
	}()
	<-done
}

// CheckStore says what Store then says: it refuses what the system forbids, and
// takes what the system allows.
func TestDirChecksPermissions(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		refused := 0
		for _, dir := range []fs.FileMode{0o777, 0o555, 0o333, 0o666} {
			for _, file := range []fs.FileMode{0, 0o666, 0o444, 0o222} {
				name := dir.String() + file.String()
				require.NoError(t, os.Mkdir(filepath.Join(path, name), 0o777))
				if file != 0 {
					require.NoError(t, os.WriteFile(filepath.Join(path, name, "f"), []byte("0123456789"), 0o666))
					require.NoError(t, os.Chmod(filepath.Join(path, name, "f"), file))
				}
				require.NoError(t, os.Chmod(filepath.Join(path, name), dir))
				for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 5}, {Exclusive: true}} {
					unprivileged(t, func() {
						check := driver.CheckStore(t.Context(), d, name+"/f", opts)
						u, err := d.Store(t.Context(), name+"/f", opts)
						if err == nil {
							assert.NoError(t, u.Close(errors.New("cut")))
						} else {
							refused++
						}
						assert.Equal(t, err == nil, check == nil, "%s %+v: CheckStore says %v, Store %v", name, opts, check, err)
					})
					if file != 0 { // what writing in place did
						require.NoError(t, os.WriteFile(filepath.Join(path, name, "f"), []byte("0123456789"), 0o666))
					} else {
						_ = os.Remove(filepath.Join(path, name, "f"))
					}
				}
				require.NoError(t, os.Chmod(filepath.Join(path, name), 0o777))
			}
		}
		assert.NotZero(t, refused)
	})
}

// CheckStore refuses what chattr(1) and a sticky directory forbid.
func TestDirChecksAttributes(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		for name, mode := range map[string]fs.FileMode{"sticky": 0o777 | fs.ModeSticky, "i": 0o777, "a": 0o777, "file-i": 0o777, "file-a": 0o777} {
			dir := filepath.Join(path, name)
			file := filepath.Join(dir, "f")
			require.NoError(t, os.Mkdir(dir, 0o777))
			require.NoError(t, os.Chmod(dir, mode))
			require.NoError(t, os.WriteFile(file, []byte("0123456789"), 0o666))
			require.NoError(t, os.Chmod(file, 0o666))
			as, what := func(f func()) { f() }, dir
			if strings.HasPrefix(name, "file-") {
				what = file
			}
			if name == "sticky" {
				as = func(f func()) { unprivileged(t, f) }
			} else {
				testenv.NeedRoot(t)
				if exec.Command("chattr", "+"+name[len(name)-1:], what).Run() != nil {
					continue // not on this file system
				}
				t.Cleanup(func() { _ = exec.Command("chattr", "-ia", what).Run() })
			}
			for _, base := range []string{"f", "new"} {
				for _, opts := range []driver.StoreOptions{{Append: true}, {Offset: 5}, {}} {
					if base == "new" && opts.Offset > 0 {
						continue
					}
					as(func() {
						check := driver.CheckStore(t.Context(), d, name+"/"+base, opts)
						err := store(t.Context(), d, name+"/"+base, "x", opts)
						assert.Equal(t, err == nil, check == nil, "%s/%s %+v: CheckStore says %v, Store %v", name, base, opts, check, err)
					})
				}
			}
		}
	})
}

// CheckStore of a link checks the file that the link leads to.
func TestDirChecksLinks(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		require.NoError(t, os.Mkdir(filepath.Join(path, "d"), 0o777))
		for link, target := range map[string]string{
			"new": "d/f", "nowhere": "missing/f", "dir": "d", "out": "../x", "loop": "loop",
		} {
			require.NoError(t, os.Symlink(target, filepath.Join(path, link)))
			for _, opts := range []driver.StoreOptions{{}, {Exclusive: true}} {
				check := driver.CheckStore(t.Context(), d, link, opts)
				err := store(t.Context(), d, link, "", opts)
				assert.Equal(t, err == nil, check == nil, "%s %+v: CheckStore says %v, Store %v", link, opts, check, err)
			}
		}
	})
}
