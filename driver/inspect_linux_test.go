package driver_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// Inspect looks at an upload that another process writes as at any other. OpenFile gives a descriptor, with which
// a process without rights to the file can look. An upload that adds to a file has no such descriptor.
func TestInspectOfFileOfTheSystem(t *testing.T) {
	dir, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	for _, how := range []driver.Uploads{driver.Atomic, driver.InPlace} {
		dir.Uploads = how
		var seen []string
		f := driver.Inspect(dir, func(_ context.Context, up *driver.Inspection) error {
			file, err := up.OpenFile()
			if up.Options.Append {
				require.ErrorIs(t, err, errors.ErrUnsupported)
				return nil
			}
			require.NoError(t, err)
			defer file.Close()
			_, err = file.Write([]byte("x"))
			require.ErrorIs(t, err, syscall.EBADF, "it is for reading")
			for range 2 {
				b, err := io.ReadAll(file)
				require.NoError(t, err)
				seen = append(seen, string(b))
				_, err = file.Seek(0, io.SeekStart)
				require.NoError(t, err)
			}
			require.EqualValues(t, len(seen[0]), up.Size)
			return errInfected
		})
		up, err := f.Store(t.Context(), "x", driver.StoreOptions{})
		require.NoError(t, err)
		into := up.(driver.FileUpload)
		file, err := into.OpenFile()
		require.NoError(t, err)
		_, err = file.WriteString("data")
		require.NoError(t, err)
		require.NoError(t, file.Close())
		into.Wrote(4)
		err = up.Commit()
		require.ErrorIs(t, err, errInfected)
		require.NoError(t, up.Close(err))
		require.Equal(t, []string{"data", "data"}, seen)
		_, err = dir.Stat(t.Context(), "x")
		require.ErrorIs(t, err, fs.ErrNotExist)

		write(t, dir, "old", "ok-")
		require.NoError(t, store(t.Context(), f, "old", "US", driver.StoreOptions{Append: true}))
		require.Equal(t, "ok-US", content(t.Context(), dir, "old"))
	}
	mem := driver.Inspect(driver.Mem(), func(_ context.Context, up *driver.Inspection) error {
		_, err := up.OpenFile()
		return err
	})
	require.ErrorIs(t, store(t.Context(), mem, "x", "x", driver.StoreOptions{}), errors.ErrUnsupported)
}
