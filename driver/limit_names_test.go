//go:build unix

package driver_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A file that is being uploaded is known by each of its names: a link, or another
// spelling where upper and lower case are the same.
func TestLimitOtherNames(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	for name, mode := range map[string]driver.Uploads{"atomic": driver.Atomic, "in place": driver.InPlace} {
		t.Run(name, func(t *testing.T) {
			d.Uploads = mode
			l := limit(t, d, driver.Quota{Bytes: 1000})
			write(t, l, "a", "12345")
			require.NoError(t, os.Link(filepath.Join(path, "a"), filepath.Join(path, "b")))
			defer os.Remove(filepath.Join(path, "b"))
			require.NoError(t, l.Measure(t.Context()))
			u := begun(t, l, "a", "67", driver.StoreOptions{Append: true})
			require.ErrorIs(t, l.Remove(t.Context(), "b"), fs.ErrPermission)
			require.ErrorIs(t, l.Rename(t.Context(), "b", "c"), fs.ErrPermission)
			write(t, l, "c", "another")
			require.ErrorIs(t, l.Rename(t.Context(), "c", "b"), fs.ErrPermission)
			require.NoError(t, l.Remove(t.Context(), "c"))
			require.NoError(t, u.Commit())
			require.NoError(t, u.Close(nil))
			require.NoError(t, l.Remove(t.Context(), "b"), "the upload is over")
			require.NoError(t, l.Measure(t.Context()))
			require.Equal(t, "7 bytes 1 files", used(l))
		})
	}
}

// A Commit by one name of a file waits for a Commit by another name. Appended bytes would
// otherwise come behind more than was there when the size was judged.
func TestLimitCommitsByTwoNames(t *testing.T) {
	path := t.TempDir()
	h := &hanging{FS: openDir(t, path), name: "a", reached: make(chan struct{}), release: make(chan struct{})}
	write(t, h.FS, "a", "12345")
	require.NoError(t, os.Symlink("a", filepath.Join(path, "link")))
	l := limit(t, h, driver.Quota{Bytes: 100, FileSize: 10})
	appended := begun(t, l, "a", "678", driver.StoreOptions{Append: true})
	large := begun(t, l, "link", "1234567890", driver.StoreOptions{})
	done := make(chan error)
	go func() { done <- appended.Commit() }()
	<-h.reached
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, store(short, l, "link", "x", driver.StoreOptions{}), context.DeadlineExceeded)
	go func() { done <- large.Commit() }()
	h.release <- struct{}{}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Equal(t, "10 bytes 1 files", used(l))
	require.Equal(t, "1234567890", read(t, l, "a"))
}

// A file that an upload in place has made is known by its other names, too.
func TestLimitOtherNameOfNewFile(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	d.Uploads = driver.InPlace
	l := limit(t, d, driver.Quota{Bytes: 1000})
	u := begun(t, l, "a", "12345", driver.StoreOptions{})
	require.NoError(t, os.Link(filepath.Join(path, "a"), filepath.Join(path, "b")))
	require.ErrorIs(t, l.Remove(t.Context(), "b"), fs.ErrPermission)
	require.NoError(t, u.Commit())
	require.Equal(t, "5 bytes 1 files", used(l))
}

// Renaming a file to another name of itself leaves both names (rename(2)), and both
// count.
func TestLimitRenameToItself(t *testing.T) {
	path := t.TempDir()
	l := limit(t, openDir(t, path), driver.Quota{Bytes: 1000})
	write(t, l, "a", "12345")
	require.NoError(t, os.Link(filepath.Join(path, "a"), filepath.Join(path, "b")))
	write(t, l, "c", "12345")
	require.NoError(t, l.Measure(t.Context()))
	require.NoError(t, l.Rename(t.Context(), "a", "b"))
	require.NoError(t, l.Rename(t.Context(), "a", "a"))
	require.Equal(t, "15 bytes 3 files", used(l))
	require.NoError(t, l.Rename(t.Context(), "a", "c"), "another file, though it is as long")
	require.Equal(t, "10 bytes 2 files", used(l))
	require.NoError(t, l.Measure(t.Context()))
	require.Equal(t, "10 bytes 2 files", used(l))
}

// Removing a symbolic link gives nothing back, because the file that it leads to stays.
func TestLimitRemovesLinks(t *testing.T) {
	path := t.TempDir()
	l := limit(t, openDir(t, path), driver.Quota{Bytes: 1000})
	write(t, l, "a", "12345")
	require.NoError(t, os.Symlink("a", filepath.Join(path, "link")))
	require.NoError(t, l.Remove(t.Context(), "link"))
	require.Equal(t, "5 bytes 1 files", used(l))
}

// A committed file counts though another program has renamed its directory meanwhile and
// the file can't be seen under its name any more.
func TestLimitDirectoryRenamedByOthers(t *testing.T) {
	for name, opts := range map[string]driver.StoreOptions{"new": {}, "offset": {Offset: 2}} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			l := limit(t, openDir(t, path), driver.Quota{Bytes: 100})
			require.NoError(t, l.Mkdir(t.Context(), "d"))
			write(t, l, "d/a", "123")
			u := begun(t, l, "d/a", "4567", opts)
			require.NoError(t, os.Rename(filepath.Join(path, "d"), filepath.Join(path, "e")))
			require.NoError(t, u.Commit())
			counted := used(l)
			require.NoError(t, l.Measure(t.Context()))
			require.Equal(t, used(l), counted)
		})
	}
}

// numbered is an FS that gives files the numbers that a test wants.
type numbered struct {
	driver.FS
	numbers map[string]string
}

type numberedInfo struct {
	fs.FileInfo
	id string
}

func (i numberedInfo) ID() string { return i.id }

func (n *numbered) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi, err := n.FS.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return numberedInfo{fi, n.numbers[name]}, nil
}

// A new file to which the system gives the number of a replaced file is not taken for the
// file that is being uploaded.
func TestLimitNumberUsedAgain(t *testing.T) {
	for name, second := range map[string]string{"new number": "2", "none": ""} {
		t.Run(name, func(t *testing.T) {
			n := &numbered{driver.Mem(), map[string]string{"a": "1"}}
			l := limit(t, n, driver.Quota{Bytes: 100})
			write(t, l, "a", "old")
			first := begun(t, l, "a", "first", driver.StoreOptions{})
			other := begun(t, l, "a", "other", driver.StoreOptions{})
			n.numbers["a"] = second
			require.NoError(t, first.Commit())
			n.numbers["b"] = "1"
			write(t, l, "b", "new")
			require.NoError(t, l.Remove(t.Context(), "b"))

			// Give the replaced file's number to a second file, before anybody has looked
			// at the new number of the first.
			n.numbers = map[string]string{"a": "3", "b": second}
			write(t, l, "b", "new")
			require.NoError(t, l.Remove(t.Context(), "b"))
			require.NoError(t, other.Commit())
			require.Equal(t, "5 bytes 1 files", used(l))
		})
	}
}

// alien is an FS that writes in place, with uploads that don't show it.
type alien struct{ *driver.Dir }

func (a alien) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := a.Dir.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return alienUpload{u}, nil
}

type alienUpload struct{ u driver.Upload }

func (a alienUpload) Write(p []byte) (int, error) { return a.u.Write(p) }
func (a alienUpload) Commit() error               { return a.u.Commit() }
func (a alienUpload) Close(cause error) error     { return a.u.Close(cause) }

// Bytes that an FS of another package has written in place count once.
func TestLimitOtherFSInPlace(t *testing.T) {
	d := openDir(t, t.TempDir())
	d.Uploads = driver.InPlace
	l := limit(t, alien{d}, driver.Quota{Bytes: 12, FileSize: 12})
	write(t, l, "a", "12345")
	require.NoError(t, store(t.Context(), l, "a", "67890", driver.StoreOptions{Append: true}))
	require.Equal(t, "10 bytes 1 files", used(l))
	require.NoError(t, store(t.Context(), l, "a", "", driver.StoreOptions{Append: true}))
	require.ErrorIs(t, store(t.Context(), l, "a", strings.Repeat("x", 3), driver.StoreOptions{Append: true}), driver.ErrQuota)
}

// halting calls a function when an upload begins or is committed in the FS within.
type halting struct {
	*driver.Dir
	at func(op string)
}

func (h *halting) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	h.at("store " + name)
	u, err := h.Dir.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return haltingUpload{u, func() { h.at("commit " + name) }}, nil
}

type haltingUpload struct {
	driver.Upload
	at func()
}

func (h haltingUpload) Commit() error {
	h.at()
	return h.Upload.Commit()
}

// Two uploads to one file by two names, one of which has a link in it, count as one file,
// at whatever step one of them is while the other runs from its beginning to its end.
func TestLimitStoresByTwoNames(t *testing.T) {
	for _, names := range [][2]string{{"d/f", "e/f"}, {"e/f", "d/f"}, {"d/f", "d/link"}, {"e/link", "d/f"}, {"deep/e/f", "d/f"}} {
		for _, opts := range []driver.StoreOptions{{}, {Append: true}} {
			for _, moment := range []string{"store ", "commit "} {
				synctest.Test(t, func(t *testing.T) {
					path := t.TempDir()
					require.NoError(t, os.MkdirAll(filepath.Join(path, "d"), 0o777))
					require.NoError(t, os.Mkdir(filepath.Join(path, "deep"), 0o777))
					require.NoError(t, os.WriteFile(filepath.Join(path, "d/f"), []byte("12345"), 0o644))
					for name, to := range map[string]string{"e": "d", "d/link": "f", "deep/e": "../e"} {
						require.NoError(t, os.Symlink(to, filepath.Join(path, name)))
					}
					done := make(chan error, 1)
					h := &halting{Dir: openDir(t, path), at: func(string) {}}
					l := limit(t, h, driver.Quota{Bytes: 100})
					var once sync.Once
					h.at = func(op string) {
						if op == moment+names[0] {
							once.Do(func() {
								go func() { done <- store(t.Context(), l, names[1], "other", opts) }()
								synctest.Wait()
							})
						}
					}
					require.NoError(t, store(t.Context(), l, names[0], "another one", opts))
					require.NoError(t, <-done)
					counted := used(l)
					require.NoError(t, l.Measure(t.Context()))
					require.Equal(t, used(l), counted, "%s %v %s", names, opts, moment)
				})
			}
		}
	}
}
