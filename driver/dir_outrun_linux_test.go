package driver_test

import (
	"context"
	"errors"
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
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// appendTo appends to a file without a lock, as echo >> file does.
func appendTo(t *testing.T, path, data string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if assert.NoError(t, err) {
		_, err = f.WriteString(data)
		assert.NoError(t, errors.Join(err, f.Close()))
	}
}

func exchanges(call syscalls.Call) bool {
	return call.Number == unix.SYS_RENAMEAT2 && call.Args[4]&unix.RENAME_EXCHANGE != 0
}

// Nothing that a program without locks writes into a file during an append is lost: the
// append is made anew to the file as it is then. An upload at an offset is refused.
func TestDirOutrun(t *testing.T) {
	changes := map[string]struct {
		do   func(file string)
		want string
	}{
		"appended":  {func(file string) { appendTo(t, file, ",other") }, "0123456789,other"},
		"rewritten": {func(file string) { assert.NoError(t, os.WriteFile(file, []byte("abcdefghij"), 0o644)) }, "abcdefghij"},
		"cut off":   {func(file string) { assert.NoError(t, os.Truncate(file, 4)) }, "0123"},
		"all a hole": {func(file string) {
			assert.NoError(t, errors.Join(os.Truncate(file, 0), os.Truncate(file, 10)))
		}, strings.Repeat("\x00", 10)},
		"emptied": {func(file string) { assert.NoError(t, os.Truncate(file, 0)) }, ""},
		"set back": {func(file string) {
			fi, err := os.Stat(file)
			assert.NoError(t, err)
			assert.NoError(t, os.WriteFile(file, []byte("abcdefghij"), 0o644))
			assert.NoError(t, os.Chtimes(file, fi.ModTime(), fi.ModTime()))
		}, "abcdefghij"},
	}
	moments := map[string]struct {
		is     func(call syscalls.Call) bool
		cant   bool // the file system can't exchange names
		unseen string
	}{
		"copied":                {func(call syscalls.Call) bool { return call.Number == unix.SYS_COPY_FILE_RANGE }, false, ""},
		"copied, no exchange":   {func(call syscalls.Call) bool { return call.Number == unix.SYS_COPY_FILE_RANGE }, true, ""},
		"finished":              {func(call syscalls.Call) bool { return call.Number == unix.SYS_FCHMOD }, false, ""},
		"finished, no exchange": {func(call syscalls.Call) bool { return call.Number == unix.SYS_FCHMOD }, true, ""},
		"exchanged":             {exchanges, false, "set back"},
	}
	for moment, m := range moments {
		for change, c := range changes {
			if change == m.unseen {
				continue
			}
			for _, opts := range []driver.StoreOptions{{Append: true}, {Append: true, Whole: true}, {Offset: 10}} {
				t.Run(moment+" "+change, func(t *testing.T) {
					path := t.TempDir()
					d, file := openDir(t, path), filepath.Join(path, "a")
					require.NoError(t, os.WriteFile(file, []byte("0123456789"), 0o644))
					tick(t, file)
					u := begun(t, d, "a", "{new}", opts)
					done := false
					var err error
					syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
						if !done && m.is(call) {
							done = true
							c.do(file)
						}
						if m.cant && exchanges(call) {
							return unix.EINVAL
						}
						return 0
					}, func() { err = u.Commit() }, unix.SYS_COPY_FILE_RANGE, unix.SYS_FCHMOD, unix.SYS_RENAMEAT2)
					require.True(t, done)
					got, e := os.ReadFile(file)
					require.NoError(t, e)
					if opts.Append {
						require.NoError(t, err)
						require.Equal(t, c.want+"{new}", string(got))
					} else {
						require.ErrorIs(t, err, driver.ErrChanged)
						require.Equal(t, c.want, string(got))
					}
					require.NoError(t, u.Close(err))
					require.Equal(t, []string{"a"}, entries(t, path))
				})
			}
		}
	}
}

// outrun appends "{new}" to the file a of d, in the directory path, and returns the error of
// Commit, which is ErrChanged: a program writes what meanwhile returns into the file before
// each exchange of names, of which the first is number 1.
func outrun(t *testing.T, d *driver.Dir, path string, meanwhile func(exchange int) string) error {
	t.Helper()
	write(t, d, "a", "old")
	u := begun(t, d, "a", "{new}", driver.StoreOptions{Append: true})
	n := 0
	var err error
	syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
		if exchanges(call) {
			n++
			appendTo(t, filepath.Join(path, "a"), meanwhile(n))
		}
		return 0
	}, func() { err = u.Commit() }, unix.SYS_RENAMEAT2)
	require.ErrorIs(t, err, driver.ErrChanged)
	require.NoError(t, u.Close(err))
	return err
}

// Commit gives up after some tries if a program writes whenever the file is about to be
// replaced.
func TestDirOutrunAllTheTime(t *testing.T) {
	path := t.TempDir()
	d, tries := openDir(t, path), 0
	outrun(t, d, path, func(exchange int) string {
		tries = exchange
		return []string{"", ",x"}[exchange%2] // each second one is on the way back
	})
	require.Equal(t, "old"+strings.Repeat(",x", tries/2), read(t, d, "a"))
	require.Greater(t, tries/2, 1)
	require.Equal(t, []string{"a"}, entries(t, path))
}

// Bytes that a program writes into the new file, just before the file gives the name back,
// stay in a file beside the old one.
func TestDirOutrunTwice(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	err := outrun(t, d, path, func(exchange int) string { return []string{",first", ",second"}[exchange-1] })
	require.Equal(t, "old,first", read(t, d, "a"))
	all := entries(t, path)
	require.Len(t, all, 2)
	require.True(t, strings.HasPrefix(all[1], "a."), all[1])
	require.ErrorContains(t, err, all[1])
	require.Equal(t, "old{new},second", read(t, d, all[1]))
}

// meddling is a context that does something when it is asked for its error.
type meddling struct {
	context.Context
	do func()
}

func (m meddling) Err() error {
	m.do()
	return m.Context.Err()
}

// While a long part is added to the end of a file, other programs may add to the file as
// well, and nothing is overwritten. If they change the file before the first byte is added,
// the upload counts as the later one.
func TestDirGrowsBesideOthers(t *testing.T) {
	const tail = 5 << 20
	old, long := strings.Repeat("old/", 50_000), strings.Repeat("x", tail)
	type step struct {
		at int64 // how large the file is then
		do func(file string)
	}
	for name, c := range map[string]struct {
		step
		opts driver.StoreOptions
		want string // with each x for a MiB
		err  error
	}{
		"appended in the middle": {
			step{int64(len(old)) + 1, func(file string) { appendTo(t, file, ",other,") }},
			driver.StoreOptions{Append: true}, "x,other,xxxx", nil,
		},
		"cut off in the middle": {
			step{int64(len(old)) + 1, func(file string) { assert.NoError(t, os.Truncate(file, 4)) }},
			driver.StoreOptions{Append: true}, "", driver.ErrChanged,
		},
		"canceled": {
			step{int64(len(old)) + 1, nil}, driver.StoreOptions{Append: true}, "", context.Canceled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d, file := openDir(t, path), filepath.Join(path, "a")
			require.NoError(t, os.WriteFile(file, []byte(old), 0o644))
			ctx, cancel := context.WithCancel(t.Context())
			done := false
			m := meddling{ctx, func() {
				if fi, err := os.Stat(file); assert.NoError(t, err) && fi.Size() >= c.at && !done {
					done = true
					if c.do == nil {
						cancel()
						return
					}
					c.do(file)
				}
			}}
			u, err := d.Store(m, "a", c.opts)
			require.NoError(t, err)
			_, err = u.Write([]byte(long))
			require.NoError(t, err)
			err = u.Commit()
			require.ErrorIs(t, err, c.err)
			if !done {
				testenv.Missing(t, "the file system keeps no attributes, or clones")
			}
			require.NoError(t, u.Close(err))
			got, e := os.ReadFile(file)
			require.NoError(t, e)
			want := old + strings.ReplaceAll(c.want, "x", long[:1<<20])
			if name == "cut off in the middle" {
				want = old[:4]
			}
			require.True(t, want == string(got), "%d bytes, not %d", len(got), len(want))
			require.Equal(t, []string{"a"}, entries(t, path))
		})
	}
}

// A program may write into a large file just before a part is added to its end: the result
// is as if it had written earlier.
func TestDirGrowsAfterOthers(t *testing.T) {
	old := strings.Repeat("old/", 50_000)
	for name, opts := range map[string]driver.StoreOptions{"append": {Append: true}, "whole": {Append: true, Whole: true}, "offset": {Offset: int64(len(old))}} {
		for _, sync := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				path := t.TempDir()
				d, file := openDir(t, path), filepath.Join(path, "a")
				d.Sync = sync
				require.NoError(t, os.WriteFile(file, []byte(old), 0o644))
				tick(t, file)
				u := begun(t, d, "a", "{new}", opts)
				marks := 0
				var err error
				syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
					if call.Path(0) != file { // the temporary file is marked first
						return 0
					}
					if marks++; marks == 1 {
						appendTo(t, file, ",other")
					}
					return 0
				}, func() { err = u.Commit() }, unix.SYS_FSETXATTR)
				if marks == 0 {
					testenv.Missing(t, "the file system clones")
				}
				require.NoError(t, u.Close(err))
				want := old + ",other"
				if opts.Append {
					require.NoError(t, err)
					want += "{new}"
				} else {
					require.ErrorIs(t, err, driver.ErrChanged)
				}
				require.True(t, want == read(t, d, "a"))
				require.Equal(t, []string{"a"}, entries(t, path))
				size, err := unix.Getxattr(file, "user.sallyport.grows", nil)
				require.ErrorIs(t, err, unix.ENODATA, size)
			})
		}
	}
}

// If a program renames the file at the last moment, the old file keeps the name that the
// program chose, and a file that the program put in its place keeps the old name.
func TestDirRotatedAtTheLastMoment(t *testing.T) {
	for name, put := range map[string]bool{"renamed": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d, file := openDir(t, path), filepath.Join(path, "a")
			write(t, d, "a", "old")
			u := begun(t, d, "a", "{new}", driver.StoreOptions{Append: true})
			n := 0
			var err error
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				if n++; n == 1 && assert.True(t, exchanges(call)) {
					assert.NoError(t, os.Rename(file, file+".1"))
					if put {
						assert.NoError(t, os.WriteFile(file, []byte("put"), 0o644))
					}
				}
				return 0
			}, func() { err = u.Commit() }, unix.SYS_RENAMEAT2)
			require.ErrorIs(t, err, driver.ErrChanged)
			require.NoError(t, u.Close(err))
			require.Equal(t, "old", read(t, d, "a.1"))
			want := []string{"a.1"}
			if put {
				want = []string{"a", "a.1"}
				require.Equal(t, "put", read(t, d, "a"))
			}
			require.Equal(t, want, entries(t, path))
		})
	}
}
