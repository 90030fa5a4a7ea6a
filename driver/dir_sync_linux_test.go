package driver

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// With Sync a change that can't be made to last is not begun. A change that was
// made before the disk failed is reported as made.
func TestLasting(t *testing.T) {
	path := t.TempDir()
	root, err := os.OpenRoot(path)
	require.NoError(t, err)
	made := 0
	change := func() error { made++; return nil }
	require.NoError(t, changeAndSync(change, root, root))
	require.Equal(t, 1, made)
	broken := errors.New("no such change")
	require.ErrorIs(t, changeAndSync(func() error { return broken }, root), broken)

	f, err := os.Open(path)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	err = syncDirs([]*os.File{f})
	require.ErrorIs(t, err, errNotSafe)
	var own *Error
	require.ErrorAs(t, err, &own)
	require.Equal(t, 451, own.Code)

	require.NoError(t, root.Close())
	err = changeAndSync(change, root)
	require.Error(t, err)
	require.NotErrorIs(t, err, errNotSafe)
	require.Equal(t, 1, made, "the directory could not be opened")
}

// After an upload that has its name although the disk failed, Close takes nothing
// back.
func TestCommittedButNotSafe(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	up, err := d.Store(t.Context(), "a", StoreOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(up, "new")
	require.NoError(t, err)
	u := up.(*atomicUpload)
	require.NoError(t, u.place())
	u.err = notSafe(errors.New("disk"))
	u.release()
	require.NoError(t, up.Close(u.err))
	b, err := os.ReadFile(filepath.Join(path, "a"))
	require.NoError(t, err)
	require.Equal(t, "new", string(b))
}

// An upload in place cuts off the old end with the first byte, so that a process
// which ends then leaves no mixture of two versions with the old size.
func TestInPlaceCutsFirst(t *testing.T) {
	path := t.TempDir()
	d, err := OpenDir(path)
	require.NoError(t, err)
	defer d.Close()
	d.Uploads = InPlace
	content := func() string {
		b, err := os.ReadFile(filepath.Join(path, "a"))
		require.NoError(t, err)
		return string(b)
	}
	for name, write := range map[string]func(up Upload) error{
		"Write":    func(up Upload) error { _, err := io.WriteString(up, "x"); return err },
		"ReadFrom": func(up Upload) error { _, err := up.(io.ReaderFrom).ReadFrom(&oneByte{}); return err },
	} {
		require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte("0123456789"), 0o644))
		up, err := d.Store(t.Context(), "a", StoreOptions{Offset: 4})
		require.NoError(t, err)
		require.Equal(t, "0123456789", content(), "nothing has arrived")
		require.NoError(t, write(up))
		require.Equal(t, "0123x", content(), name)
		require.NoError(t, up.Close(io.ErrUnexpectedEOF))
	}
}

type oneByte struct{ read bool }

func (r *oneByte) Read(p []byte) (int, error) {
	if r.read {
		return 0, io.EOF
	}
	r.read = true
	return copy(p, "x"), nil
}
