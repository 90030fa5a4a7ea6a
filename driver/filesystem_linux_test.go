package driver_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

const mib = 1 << 20

// mounted makes a file system of a kind and mounts it for one test. Only root may.
func mounted(t *testing.T, kind string, options ...string) string {
	t.Helper()
	testenv.NeedRoot(t)
	what := kind
	if kind == "tmpfs" {
		options = append(options, "-t", kind)
	} else {
		what = filepath.Join(t.TempDir(), "image")
		require.NoError(t, os.WriteFile(what, nil, 0o600))
		require.NoError(t, os.Truncate(what, 320*mib)) // XFS wants 300 MiB
		out, err := exec.Command(testenv.NeedBinary(t, "mkfs."+kind), "-q", what).CombinedOutput()
		require.NoError(t, err, "%s", out)
		options = append(options, "-o", "loop")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", append(options, what, dir)...).CombinedOutput(); err != nil {
		testenv.Missing(t, "no %s can be mounted here: %v: %s", kind, err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return dir
}

// A Dir on Btrfs and on XFS keeps every promise as on other file systems, and loses
// nothing and leaves no part when the process is killed.
func TestDirOnOtherFileSystems(t *testing.T) {
	for _, kind := range []string{"btrfs", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			t.Setenv("TMPDIR", mounted(t, kind))
			t.Setenv("KILLS", "5")
			t.Setenv("KILLS_DIR", "")
			t.Run("atomic", TestDirAtomic)
			t.Run("in place", TestDirInPlace)
			t.Run("killed", TestDirKilled)
			t.Run("rotated", TestDirRotatedMeanwhile)
		})
	}
}

// Where files can be cloned, an upload that keeps a part of a file takes no more
// room than its own bytes, and makes a new file: a reader of the old one sees
// nothing of it.
func TestDirClones(t *testing.T) {
	const size = 64 * mib
	for _, kind := range []string{"btrfs", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			dir := mounted(t, kind)
			d := openDir(t, dir)
			want := noise(size)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), want, 0o644))
			other, err := os.Open(filepath.Join(dir, "a"))
			require.NoError(t, err)
			defer other.Close()
			for _, how := range []driver.StoreOptions{
				{Append: true}, {Offset: size + mib}, {Offset: size - 3*mib/2 - 1}, {Append: true, Whole: true},
			} {
				before, part := taken(t, dir), noise(mib)
				require.NoError(t, store(t.Context(), d, "a", string(part), how))
				if how.Append {
					want = append(want, part...)
				} else {
					want = append(want[:how.Offset], part...)
				}
				require.Less(t, taken(t, dir)-before, int64(8*mib), "%+v", how)
				require.True(t, bytes.Equal(want, []byte(read(t, d, "a"))), "%+v", how)
			}
			fi, err := other.Stat()
			require.NoError(t, err)
			require.EqualValues(t, size, fi.Size())
		})
	}
}

// noise returns content that no file system can make smaller.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// taken returns how many bytes a file system holds, once it has written them.
func taken(t *testing.T, dir string) int64 {
	t.Helper()
	f, err := os.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, unix.Syncfs(int(f.Fd())))
	var s unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &s))
	return int64(s.Blocks-s.Bfree) * int64(s.Bsize)
}

// A quota of the system that is used up is driver.ErrQuota, which clients read as
// 552. The old file stays, and what was taken is given back.
func TestDirSystemQuota(t *testing.T) {
	dir := mounted(t, "btrfs")
	tool := testenv.NeedBinary(t, "btrfs")
	for _, args := range [][]string{
		{"quota", "enable", dir},
		{"subvolume", "create", filepath.Join(dir, "ann")},
		{"qgroup", "limit", "16M", filepath.Join(dir, "ann")},
	} {
		out, err := exec.Command(tool, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	d := openDir(t, filepath.Join(dir, "ann"))
	old := string(noise(4 * mib))
	require.NoError(t, store(t.Context(), d, "a", old, driver.StoreOptions{}))
	for _, how := range []driver.StoreOptions{{}, {Append: true}, {Offset: 2 * mib}, {Append: true, Whole: true}} {
		require.ErrorIs(t, store(t.Context(), d, "a", string(noise(20*mib)), how), driver.ErrQuota, "%+v", how)
		require.ErrorIs(t, store(t.Context(), d, "b", string(noise(20*mib)), driver.StoreOptions{}), driver.ErrQuota)
		require.Equal(t, []string{"a"}, inside(t, filepath.Join(dir, "ann")))
		require.True(t, old == read(t, d, "a"), "%+v", how)
	}
	taken(t, dir) // only then Btrfs has given back what was removed
	require.NoError(t, store(t.Context(), d, "a", string(noise(6*mib)), driver.StoreOptions{Append: true}))
}

// A disk that is full when the new part is copied behind the file leaves the file
// as it was, without a mark.
func TestDirFullInCommit(t *testing.T) {
	dir := mounted(t, "tmpfs", "-o", "size=8m")
	d := openDir(t, dir)
	old := string(noise(4 * mib))
	require.NoError(t, store(t.Context(), d, "a", old, driver.StoreOptions{}))
	u, err := d.Store(t.Context(), "a", driver.StoreOptions{Append: true})
	require.NoError(t, err)
	_, err = u.Write(noise(3 * mib))
	require.NoError(t, err, "there is room for it once")
	err = u.Commit()
	require.ErrorIs(t, err, driver.ErrQuota, "but not twice")
	require.NoError(t, u.Close(err))
	require.Equal(t, []string{"a"}, inside(t, dir))
	got, err := os.ReadFile(filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.True(t, old == string(got), "%d bytes", len(got))
	n, err := unix.Listxattr(filepath.Join(dir, "a"), nil)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, store(t.Context(), d, "a", string(noise(mib)), driver.StoreOptions{Append: true}))
	require.Len(t, read(t, d, "a"), 5*mib)
}

// inside lists a directory as the system does, including what a Dir hides.
func inside(t *testing.T, dir string) (names []string) {
	t.Helper()
	f, err := os.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	names, err = f.Readdirnames(-1)
	require.True(t, err == nil || err == io.EOF, "%v", err)
	return names
}
