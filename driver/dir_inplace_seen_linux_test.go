package driver_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// An upload in place with REST is refused if a program that takes no lock changes the file,
// whether the upload has begun to write or not. Reading the file is no change.
func TestDirInPlaceChangedMeanwhile(t *testing.T) {
	changes := map[string]struct {
		do   func(t *testing.T, file string)
		want error
	}{
		"appended":  {func(t *testing.T, file string) { appendTo(t, file, "other") }, driver.ErrChanged},
		"truncated": {func(t *testing.T, file string) { require.NoError(t, os.Truncate(file, 3)) }, driver.ErrChanged},
		"overwritten": {func(t *testing.T, file string) {
			f, err := os.OpenFile(file, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteString("OTHER")
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}, driver.ErrChanged},
		"read": {func(t *testing.T, file string) {
			_, err := os.ReadFile(file)
			require.NoError(t, err)
		}, nil},
	}
	writes := map[string]func(u driver.Upload, data string) error{
		"Write": func(u driver.Upload, data string) error {
			_, err := u.Write([]byte(data))
			return err
		},
		"ReadFrom": func(u driver.Upload, data string) error {
			_, err := u.(io.ReaderFrom).ReadFrom(bytes.NewBufferString(data))
			return err
		},
	}
	for what, change := range changes {
		for how, write := range writes {
			for _, offset := range []int64{4, 10} {
				for before := range 3 { // how many writes come before the change
					for after := range 2 {
						file := filepath.Join(t.TempDir(), "a")
						require.NoError(t, os.WriteFile(file, []byte("0123456789"), 0o644))
						d := openDir(t, filepath.Dir(file))
						d.Uploads = driver.InPlace
						u, err := d.Store(t.Context(), "a", driver.StoreOptions{Offset: offset})
						require.NoError(t, err)
						for range before {
							require.NoError(t, write(u, "new"))
						}
						tick(t, file)
						change.do(t, file)
						for range after {
							if err == nil {
								err = write(u, "more")
							}
						}
						if err == nil {
							err = u.Commit()
						}
						assert.ErrorIs(t, err, change.want, "%s by %s at %d, after %d writes and before %d", what, how, offset, before, after)
						require.NoError(t, u.Close(err))
					}
				}
			}
		}
	}
}

// A STOR in place is refused if the file is not as long at the end as what was sent.
func TestDirInPlaceOtherLength(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a")
	d := openDir(t, filepath.Dir(file))
	d.Uploads = driver.InPlace
	for what, do := range map[string]func(){
		"appended":  func() { appendTo(t, file, "other") },
		"truncated": func() { require.NoError(t, os.Truncate(file, 1)) },
	} {
		u := begun(t, d, "a", "new", driver.StoreOptions{})
		do()
		err := u.Commit()
		assert.ErrorIs(t, err, driver.ErrChanged, what)
		require.NoError(t, u.Close(err))
	}
}
