package driver

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/test/syscalls"
)

// crashed is a directory in which a process was killed while it added to a file.
func crashed(t *testing.T) (d *Dir, path, old string) {
	t.Helper()
	path = t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	old = strings.Repeat("old/", 50_000)
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte(old+"half a ta"), 0o644))
	f, err := os.OpenFile(filepath.Join(path, "a"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	if err := mark(f, int64(len(old)), 100); err != nil {
		t.Skipf("%s keeps no attributes: %v", path, err)
	}
	temp, err := os.Create(filepath.Join(path, tempName()))
	require.NoError(t, err)
	defer temp.Close()
	require.NoError(t, belongs(temp, "a"))
	return d, path, old
}

func (d *Dir) content(t *testing.T, name string) string {
	t.Helper()
	r, err := d.Open(t.Context(), name, 0)
	require.NoError(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}

func (d *Dir) add(t *testing.T, opts StoreOptions) error {
	t.Helper()
	u, err := d.Store(t.Context(), "a", opts)
	if err != nil {
		return err
	}
	_, err = io.WriteString(u, "new")
	require.NoError(t, err)
	err = u.Commit()
	return first(err, u.Close(err))
}

// Bytes that a killed process had added to a file can't be read, and are gone before anything
// else is written.
func TestDirTakesBackHalfATail(t *testing.T) {
	changes := map[string]struct {
		do   func(t *testing.T, d *Dir) error
		want func(old string) string
	}{
		"sweep": {
			func(t *testing.T, d *Dir) error { _, err := d.Sweep(t.Context(), time.Hour); return err },
			func(old string) string { return old },
		},
		"append": {
			func(t *testing.T, d *Dir) error { return d.add(t, StoreOptions{Append: true}) },
			func(old string) string { return old + "new" },
		},
		"offset at the end": {
			func(t *testing.T, d *Dir) error { return d.add(t, StoreOptions{Offset: 200_000}) },
			func(old string) string { return old + "new" },
		},
		"offset within": {
			func(t *testing.T, d *Dir) error { return d.add(t, StoreOptions{Offset: 100_000}) },
			func(old string) string { return old[:100_000] + "new" },
		},
		"append in place": {
			func(t *testing.T, d *Dir) error { d.Uploads = InPlace; return d.add(t, StoreOptions{Append: true}) },
			func(old string) string { return old + "new" },
		},
		"replace": {
			func(t *testing.T, d *Dir) error { return d.add(t, StoreOptions{}) },
			func(string) string { return "new" },
		},
		"replace in place": {
			func(t *testing.T, d *Dir) error { d.Uploads = InPlace; return d.add(t, StoreOptions{}) },
			func(string) string { return "new" },
		},
		"rename before the sweep": {
			func(t *testing.T, d *Dir) error {
				require.NoError(t, d.Rename(t.Context(), "a", "b"))
				_, err := d.Sweep(t.Context(), time.Hour)
				require.NoError(t, err)
				return d.Rename(t.Context(), "b", "a")
			},
			func(old string) string { return old },
		},
	}
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			d, path, old := crashed(t)
			require.Equal(t, old, d.content(t, "a"), "before anything is done")
			require.NoError(t, c.do(t, d))
			require.Equal(t, c.want(old), d.content(t, "a"))
			_, err := d.Sweep(t.Context(), time.Hour)
			require.NoError(t, err)
			b, err := os.ReadFile(filepath.Join(path, "a"))
			require.NoError(t, err)
			require.Equal(t, c.want(old), string(b), "what other programs see")
			entries, err := os.ReadDir(path)
			require.NoError(t, err)
			require.Len(t, entries, 1)
		})
	}
}

// A process that may not write a file can't remove the bytes that a killed process had added.
// It keeps none of them either when it replaces the file by a longer one.
func TestDirKeepsNoHalfTailOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		opts StoreOptions
		want func(old string) string
		err  error
	}{
		"append":            {StoreOptions{Append: true}, func(old string) string { return old + "new" }, nil},
		"offset at the end": {StoreOptions{Offset: 200_000}, func(old string) string { return old + "new" }, nil},
		"offset within":     {StoreOptions{Offset: 100_000}, func(old string) string { return old[:100_000] + "new" }, nil},
		"offset behind":     {StoreOptions{Offset: 200_004}, func(old string) string { return old + "half a ta" }, ErrOffset},
	} {
		t.Run(name, func(t *testing.T) {
			d, path, old := crashed(t)
			var err error
			syscalls.Run(t, func(call syscalls.Call) syscall.Errno {
				if call.Args[2]&(unix.O_ACCMODE|unix.O_CREAT) == unix.O_RDWR {
					return unix.EACCES
				}
				return 0
			}, func() { err = d.add(t, c.opts) }, unix.SYS_OPENAT)
			require.ErrorIs(t, err, c.err)
			b, err := os.ReadFile(filepath.Join(path, "a"))
			require.NoError(t, err)
			require.True(t, c.want(old) == string(b), "%d bytes, the last %q", len(b), b[len(b)-20:])
		})
	}
}

// An offset into bytes that were never committed is beyond the end.
func TestDirOffsetIntoHalfATail(t *testing.T) {
	d, _, old := crashed(t)
	require.ErrorIs(t, d.add(t, StoreOptions{Offset: int64(len(old)) + 4}), ErrOffset)
	require.Equal(t, old, d.content(t, "a"))
}

// A file that is shorter than its mark, or longer than what was being added made
// it, has been changed by another program: nothing is cut.
func TestDirLeavesWhatOthersWrote(t *testing.T) {
	for _, content := range []string{"short", strings.Repeat("x", 200_101)} {
		d, path, _ := crashed(t)
		require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte(content), 0o644))
		require.NoError(t, d.add(t, StoreOptions{Append: true}))
		require.Equal(t, content+"new", d.content(t, "a"))
	}
}

// Bytes that another program appended behind half a tail can't be told from the tail, unless
// both are longer than the whole tail.
func TestDirTakesBackWhatOthersAppended(t *testing.T) {
	for added, stays := range map[int]bool{91: false, 92: true} { // beside 9 of 100 bytes
		d, path, old := crashed(t)
		f, err := os.OpenFile(filepath.Join(path, "a"), os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = f.WriteString(strings.Repeat("y", added))
		require.NoError(t, err)
		require.NoError(t, f.Close())
		_, err = d.Sweep(t.Context(), time.Hour)
		require.NoError(t, err)
		want := old
		if stays {
			want += "half a ta" + strings.Repeat("y", added)
		}
		require.Equal(t, want, d.content(t, "a"))
	}
}

// Sessions of the process see the old size while a file grows.
func TestDirShowsTheOldSizeWhileGrowing(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte("old and a part"), 0o644))
	fi, err := os.Stat(filepath.Join(path, "a"))
	require.NoError(t, err)
	growing.begin(sysID(fi), 3)
	sizes := func() (sizes []int64) {
		fi, err := d.Stat(t.Context(), "a")
		require.NoError(t, err)
		sizes = append(sizes, fi.Size())
		for fi := range d.List(t.Context(), ".") {
			sizes = append(sizes, fi.Size())
		}
		for fi := range Scan(t.Context(), d, ".", false) {
			sizes = append(sizes, fi.Size())
		}
		return append(sizes, int64(len(d.content(t, "a"))))
	}
	require.Equal(t, []int64{3, 3, 3, 3}, sizes())
	growing.end(sysID(fi))
	require.Equal(t, []int64{14, 14, 14, 14}, sizes())
}

// Adding to a large file neither copies it nor fills its holes, and costs twice
// what is added.
func TestDirAppendIsCheap(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	const size = 4 << 30
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), nil, 0o644))
	require.NoError(t, os.Truncate(filepath.Join(path, "a"), size)) // nothing but a hole
	blocks := func() (n int64) {
		entries, err := os.ReadDir(path)
		require.NoError(t, err)
		for _, e := range entries {
			fi, err := e.Info()
			require.NoError(t, err)
			n += fi.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return n
	}
	for _, opts := range []StoreOptions{{Append: true}, {Offset: size + 1<<20}, {Offset: size}} {
		u, err := d.Store(t.Context(), "a", opts)
		require.NoError(t, err, "%+v", opts)
		_, err = u.Write(make([]byte, 1<<20))
		require.NoError(t, err)
		require.Less(t, blocks(), int64(4<<20), "an open upload takes what it brought")
		require.NoError(t, u.Commit())
		require.Less(t, blocks(), int64(4<<20), "%+v", opts)
	}
	fi, err := os.Stat(filepath.Join(path, "a"))
	require.NoError(t, err)
	require.Equal(t, int64(size+1<<20), fi.Size())
}

// An append waits while another process has the file locked. Another open file of
// this process stands for the other process: locks belong to open files.
func TestDirWaitsForLocksOfOthers(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte("old"), 0o644))
	other, err := os.OpenFile(filepath.Join(path, "a"), os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, lockFile(other, true, false))
	done := make(chan error, 1)
	go func() { done <- d.add(t, StoreOptions{Append: true}) }()
	time.Sleep(20 * time.Millisecond)
	b, err := os.ReadFile(filepath.Join(path, "a"))
	require.NoError(t, err)
	require.Equal(t, "old", string(b), "the lock is held by another")
	_, err = other.WriteString("OLD, and")
	require.NoError(t, err)
	require.NoError(t, other.Close())
	require.NoError(t, <-done)
	require.Equal(t, "OLD, andnew", d.content(t, "a"))
	_, err = d.Stat(t.Context(), "b")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Appends in progress take no more of the disk than they count in the quota.
func TestLimitBoundsTheDisk(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	const mib = 1 << 20
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), make([]byte, 5*mib), 0o644))
	l, err := Limit(t.Context(), d, Quota{Bytes: 8 * mib})
	require.NoError(t, err)
	refused := 0
	for range 20 {
		u, err := l.Store(t.Context(), "a", StoreOptions{Append: true})
		require.NoError(t, err)
		defer u.Close(io.ErrUnexpectedEOF)
		if _, err := u.Write(make([]byte, mib/2)); err != nil {
			require.ErrorIs(t, err, ErrQuota)
			refused++
		}
	}
	require.Equal(t, 20-6, refused)
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	var blocks int64
	for _, e := range entries {
		fi, err := e.Info()
		require.NoError(t, err)
		blocks += fi.Sys().(*syscall.Stat_t).Blocks * 512
	}
	require.LessOrEqual(t, blocks, int64(8*mib+mib/4))
}

// A disk that is full while Commit adds the uploaded bytes is reported as full, and the file
// is as it was. In this test the file is as long as the file system lets it be.
func TestDirFullWhileGrowing(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	file := filepath.Join(path, "a")
	require.NoError(t, os.WriteFile(file, []byte("old"), 0o644))
	u, err := d.Store(t.Context(), "a", StoreOptions{Append: true})
	require.NoError(t, err)
	_, err = io.WriteString(u, "new")
	require.NoError(t, err)
	var size int64
	for step := int64(1) << 62; step > 0; step >>= 1 {
		if os.Truncate(file, size+step) == nil {
			size += step
		}
	}
	require.ErrorIs(t, u.Commit(), ErrQuota)
	require.NoError(t, u.Close(ErrQuota))
	fi, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, size, fi.Size())
	require.NoError(t, os.Truncate(file, 3))
	require.Equal(t, "old", d.content(t, "a"))
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// Bytes that must last are added only if the directory can be made to last as well, because
// the name of the file may be as new as the bytes. The directory is opened before anything
// changes.
func TestDirGrowingSyncsTheName(t *testing.T) {
	for _, lasts := range []bool{false, true} {
		path := t.TempDir()
		d, err := OpenDir(path)
		require.NoError(t, err)
		defer d.Close()
		old := strings.Repeat("old/", 50_000)
		require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte(old), 0o644))
		up, err := d.Store(t.Context(), "a", StoreOptions{Append: true, Whole: lasts})
		require.NoError(t, err)
		_, err = io.WriteString(up, "new")
		require.NoError(t, err)
		u := up.(*atomicUpload)
		h, err := d.hold(t.Context(), u.parent, "a", true)
		require.NoError(t, err)
		if lasts {
			require.NoError(t, u.parent.Close())
		}
		err = u.grow(h, int64(len(old)), u.n)
		if err == errNoGrowth {
			t.Skipf("%s keeps no attributes", path)
		}
		_, _, left := marked(h.f)
		require.False(t, left)
		require.NoError(t, h.release())
		if lasts {
			require.Error(t, err)
			require.NotErrorIs(t, err, errNotSafe)
			require.Equal(t, old, d.content(t, "a"))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, old+"new", d.content(t, "a"))
	}
}
