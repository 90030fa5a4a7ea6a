package driver_test

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// noReplace lets a session do anything but replace files.
func noReplace(_ context.Context, op driver.Op, _ string) error {
	if op == driver.OpReplace {
		return fs.ErrPermission
	}
	return nil
}

// waiting is an FS that holds a Rename until the test goes on.
type waiting struct {
	driver.FS
	begun chan string
	goOn  chan struct{}
}

func (w *waiting) Rename(ctx context.Context, from, to string) error {
	w.begun <- from
	<-w.goOn
	return w.FS.Rename(ctx, from, to)
}

// restrictable returns the FS around which the rules are tried, by name.
func restrictable(t *testing.T) map[string]driver.FS {
	d := openDir(t, t.TempDir())
	d.Uploads = driver.InPlace
	return map[string]driver.FS{
		"Mem": driver.Mem(), "Dir": openDir(t, t.TempDir()), "Dir in place": d, "Afero": driver.Afero(afero.NewMemMapFs()),
	}
}

// Two sessions that may not replace rename files to one free name: only one
// session gets the name, though each has a Restrict of its own.
func TestRestrictRenamesTogether(t *testing.T) {
	for name, fsys := range restrictable(t) {
		synctest.Test(t, func(t *testing.T) {
			write(t, fsys, "a", "a")
			write(t, fsys, "b", "b")
			w := &waiting{fsys, make(chan string, 2), make(chan struct{}, 2)}
			done := make(chan error, 2)
			for _, from := range []string{"a", "b"} {
				go func() { done <- driver.Restrict(w, noReplace).Rename(t.Context(), from, "t") }()
			}
			synctest.Wait()
			kept := map[string]string{"a": "b", "b": "a"}[<-w.begun]
			w.goOn <- struct{}{}
			w.goOn <- struct{}{}
			one, two := <-done, <-done
			assert.ErrorIs(t, errors.Join(one, two), fs.ErrPermission, name)
			assert.True(t, one == nil || two == nil, name)
			assert.Equal(t, kept, content(t.Context(), fsys, kept), name)
		})
	}
}

// An upload that is committed while another file gets its name by a rename doesn't vanish.
func TestRestrictRenameAndCommitTogether(t *testing.T) {
	for name, fsys := range restrictable(t) {
		if name == "Dir in place" {
			continue // the name is taken from Store on
		}
		synctest.Test(t, func(t *testing.T) {
			write(t, fsys, "a", "a")
			w := &waiting{fsys, make(chan string, 1), make(chan struct{}, 1)}
			u := begun(t, driver.Restrict(w, noReplace), "t", "upload", driver.StoreOptions{})
			done := make(chan error, 2)
			go func() { done <- driver.Restrict(w, noReplace).Rename(t.Context(), "a", "t") }()
			<-w.begun
			go func() { done <- u.Commit() }()
			synctest.Wait()
			w.goOn <- struct{}{}
			err := errors.Join(<-done, <-done)
			assert.ErrorIs(t, err, fs.ErrExist, name)
			assert.Equal(t, "a", content(t.Context(), fsys, "t"), name)
			require.NoError(t, u.Close(err))
		})
	}
}

// noPrograms refuses programs below pub.
func noPrograms(_ context.Context, _ driver.Op, name string) error {
	if strings.HasPrefix(name, "pub/") && path.Ext(name) == ".exe" {
		return fs.ErrPermission
	}
	return nil
}

// Renaming a directory is refused if an upload in it would get a name that it may not
// have.
func TestRestrictRenameWithUploads(t *testing.T) {
	for name, fsys := range restrictable(t) {
		ctx := t.Context()
		for _, dir := range []string{"pub", "d", "d/sub"} {
			require.NoError(t, fsys.Mkdir(ctx, dir))
		}
		r, other := driver.Restrict(fsys, noPrograms), driver.Restrict(fsys, noPrograms)
		u := begun(t, r, "d/sub/x.exe", "MZ", driver.StoreOptions{})
		fine := begun(t, r, "d/sub/fine", "", driver.StoreOptions{})
		assert.ErrorIs(t, other.Rename(ctx, "d", "pub/d"), fs.ErrPermission, name)
		require.NoError(t, other.Rename(ctx, "d", "e"), "%s: not a place for rules", name)
		assert.ErrorIs(t, other.Rename(ctx, "e", "pub/e"), fs.ErrPermission, "%s: it has gone along", name)
		assert.ErrorIs(t, other.Rename(ctx, "e/sub", "pub/sub"), fs.ErrPermission, name)
		err := u.Commit()
		require.NoError(t, u.Close(err))
		for _, file := range []string{"pub/d/sub/x.exe", "pub/e/sub/x.exe", "pub/sub/x.exe"} {
			_, err := fsys.Stat(ctx, file)
			assert.ErrorIs(t, err, fs.ErrNotExist, "%s: %s", name, file)
		}
		// An upload that has ended doesn't hinder the rename, nor does one that may have
		// the new name.
		if fsys.Remove(ctx, "e/sub/x.exe"); err != nil {
			assert.ErrorIs(t, err, fs.ErrNotExist, name)
		}
		assert.NoError(t, other.Rename(ctx, "e", "pub/e"), name)
		_ = fine.Close(errors.New("cut"))
	}
}

// An upload that begins while its directory is renamed gets into no directory where it may
// not be.
func TestRestrictStoreDuringRename(t *testing.T) {
	fsys := openDir(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		for _, dir := range []string{"pub", "d"} {
			require.NoError(t, fsys.Mkdir(t.Context(), dir))
		}
		w := &waiting{fsys, make(chan string, 1), make(chan struct{}, 1)}
		r := driver.Restrict(w, noPrograms)
		done := make(chan error, 2)
		go func() { done <- r.Rename(t.Context(), "d", "pub/d") }()
		<-w.begun
		committing := make(chan struct{})
		go func() {
			u, err := r.Store(t.Context(), "d/x.exe", driver.StoreOptions{})
			<-committing
			if err == nil {
				err = u.Commit()
				_ = u.Close(err)
			}
			done <- err
		}()
		synctest.Wait()
		w.goOn <- struct{}{}
		assert.NoError(t, <-done)
		close(committing)
		assert.ErrorIs(t, <-done, fs.ErrNotExist)
		_, err := fsys.Stat(t.Context(), "pub/d/x.exe")
		assert.ErrorIs(t, err, fs.ErrNotExist)
	})
}
