package driver_test

import (
	"context"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// Prepare shows nothing; Commit after Prepare shows the file, and Close without
// Commit leaves nothing. Uploads that wrap another pass Prepare on.
func TestPrepare(t *testing.T) {
	dir, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	dir.Sync = true
	limit, err := driver.Limit(t.Context(), dir, driver.Quota{Bytes: 1 << 20})
	require.NoError(t, err)
	for name, files := range map[string]driver.FS{"Dir": dir, "Limit": limit, "Mem": driver.Mem()} {
		for _, commit := range []bool{true, false} {
			up, err := files.Store(t.Context(), name, driver.StoreOptions{})
			require.NoError(t, err)
			_, err = io.WriteString(up, "new")
			require.NoError(t, err)
			require.NoError(t, driver.Prepare(up))
			_, err = files.Stat(t.Context(), name)
			require.ErrorIs(t, err, fs.ErrNotExist)
			if commit {
				require.NoError(t, up.Commit())
			}
			require.NoError(t, up.Close(nil))
			if !commit {
				continue
			}
			info, err := files.Stat(t.Context(), name)
			require.NoError(t, err)
			require.EqualValues(t, 3, info.Size())
			require.NoError(t, files.Remove(t.Context(), name))
		}
	}
}

// Prepare reaches the wrapped upload, and an error of Prepare passes through a
// quota.
func TestPrepareIsPassedOn(t *testing.T) {
	limit, err := driver.Limit(t.Context(), unpreparedFS{driver.Mem()}, driver.Quota{Bytes: 1 << 20})
	require.NoError(t, err)
	up, err := limit.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, driver.Prepare(wrappedUpload{up}), fs.ErrPermission)
	require.ErrorIs(t, up.Commit(), fs.ErrPermission)
	require.NoError(t, up.Close(nil))
}

// unpreparedFS can't prepare its uploads.
type unpreparedFS struct{ driver.FS }

func (f unpreparedFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := f.FS.Store(ctx, name, opts)
	return unprepared{up}, err
}

type unprepared struct{ driver.Upload }

func (unprepared) Prepare() error { return fs.ErrPermission }

type wrappedUpload struct{ driver.Upload }

func (u wrappedUpload) Unwrap() driver.Upload { return u.Upload }
