package driver_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

var errBroken = errors.New("the source broke")

// After its first error an upload is written no more, and never committed, because its
// file lacks a part.
func TestDirCommitsNoPart(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		for _, part := range []string{"", "part", strings.Repeat("part", 10_000)} {
			d.Sync = part != ""
			write(t, d, "a", "old")
			u, err := d.Store(t.Context(), "a", driver.StoreOptions{Append: true})
			require.NoError(t, err)
			n, err := u.(io.ReaderFrom).ReadFrom(io.MultiReader(strings.NewReader(part), iotest.ErrReader(errBroken)))
			require.ErrorIs(t, err, errBroken)
			require.EqualValues(t, len(part), n)
			_, err = io.WriteString(u, "more")
			require.ErrorIs(t, err, errBroken)
			n, err = u.(io.ReaderFrom).ReadFrom(strings.NewReader("more"))
			require.ErrorIs(t, err, errBroken)
			require.Zero(t, n)
			if d.Uploads == driver.Atomic { // the other kind has nothing to prepare
				require.ErrorIs(t, driver.Prepare(u), errBroken)
				_, err := driver.OpenStaged(u)
				require.ErrorIs(t, err, errBroken)
			}
			require.ErrorIs(t, u.Commit(), errBroken)
			require.NoError(t, u.Close(err))
			want := "old"
			if d.Uploads == driver.InPlace {
				want += part // for a resume
			}
			require.Equal(t, want, read(t, d, "a"))
			require.Equal(t, []string{"a"}, entries(t, path))
		}
	})
}

// An upload at an offset is refused if the name leads to another file than Store saw,
// however much both have in common. The other file stays.
func TestDirOffsetNeedsTheFile(t *testing.T) {
	for name, change := range map[string]func(path string, when time.Time) error{
		"another of the same size and time": func(path string, when time.Time) error {
			return errors.Join(os.WriteFile(path+"2", []byte("OLD"), 0o644), os.Chtimes(path+"2", when, when), os.Rename(path+"2", path))
		},
		"longer, of the same time": func(path string, when time.Time) error {
			return errors.Join(os.WriteFile(path, []byte("OLD4"), 0o644), os.Chtimes(path, when, when))
		},
		"of the same size, later": func(path string, when time.Time) error {
			return errors.Join(os.WriteFile(path, []byte("OLD"), 0o644), os.Chtimes(path, when, when.Add(time.Second)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			write(t, d, "a", "old")
			u := begun(t, d, "a", "new", driver.StoreOptions{Offset: 1})
			fi, err := d.Stat(t.Context(), "a")
			require.NoError(t, err)
			require.NoError(t, change(filepath.Join(path, "a"), fi.ModTime()))
			err = u.Commit()
			require.ErrorIs(t, err, driver.ErrChanged)
			require.NoError(t, u.Close(err))
			require.Equal(t, "OLD", read(t, d, "a")[:3])
			require.Equal(t, []string{"a"}, entries(t, path))
		})
	}
}

// ReadFrom tells how much it has stored, however much comes at a time.
func TestDirReadFrom(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		for _, size := range []int{0, 1, 4095, 4096, 4097, 100_000} {
			for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 2}} {
				write(t, d, "a", "old")
				data := strings.Repeat("x", size)
				u, err := d.Store(t.Context(), "a", opts)
				require.NoError(t, err)
				n, err := u.(io.ReaderFrom).ReadFrom(iotest.HalfReader(strings.NewReader(data)))
				require.NoError(t, err)
				require.EqualValues(t, size, n)
				require.NoError(t, u.Commit())
				require.NoError(t, u.Close(nil))
				want := map[driver.StoreOptions]string{{}: "", {Append: true}: "old", {Offset: 2}: "ol"}[opts] + data
				require.True(t, want == read(t, d, "a"), "%d bytes, %+v", size, opts)
			}
		}
	})
}

// An upload whose file another has changed meanwhile leaves nothing beside it.
func TestDirAppendLeavesNothing(t *testing.T) {
	both(t, func(t *testing.T, d *driver.Dir, path string) {
		write(t, d, "a", "old,")
		first := begun(t, d, "a", "first,", driver.StoreOptions{Append: true})
		require.NoError(t, store(t.Context(), d, "a", "second,", driver.StoreOptions{Append: true}))
		require.NoError(t, first.Commit())
		require.Equal(t, []string{"a"}, entries(t, path))
		require.Len(t, read(t, d, "a"), len("old,first,second,"))
	})
}

// entries returns the names in a directory, including names that a Dir hides.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// REST keeps the beginning of a file with holes to the byte, wherever the new part begins,
// and APPE adds a long part just as exactly.
func TestDirKeepsLongHeads(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	const mib = 1 << 20
	old := make([]byte, 5*mib)
	for i := range old {
		if i/mib%2 == 1 { // the others are holes
			old[i] = byte(i%255 + 1)
		}
	}
	for _, offset := range []int64{1, mib - 1, mib, mib + 1, 3*mib/2 + 1, 4 * mib, 4*mib + 7, 5 * mib} {
		f, err := os.Create(filepath.Join(path, "a"))
		require.NoError(t, err)
		for at := mib; at < len(old); at += 2 * mib {
			_, err := f.WriteAt(old[at:at+mib], int64(at))
			require.NoError(t, err)
		}
		require.NoError(t, f.Truncate(int64(len(old))))
		require.NoError(t, f.Close())
		require.NoError(t, store(t.Context(), d, "a", "new", driver.StoreOptions{Offset: offset}))
		require.True(t, string(old[:offset])+"new" == read(t, d, "a"), "%d", offset)
	}
	long := strings.Repeat("a long part, ", 3*mib) // more than is copied at a time
	require.NoError(t, store(t.Context(), d, "a", long, driver.StoreOptions{Append: true}))
	require.True(t, string(old)+"new"+long == read(t, d, "a"))
}
