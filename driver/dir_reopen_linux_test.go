package driver_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A FileUpload takes bytes that another process writes into its file, and Commit counts those that
// Wrote reports. The other process can read nothing of the file.
func TestDirFileUpload(t *testing.T) {
	for name, uploads := range map[string]driver.Uploads{"atomic": driver.Atomic, "in place": driver.InPlace} {
		for what, tt := range map[string]struct {
			opts driver.StoreOptions
			want string
		}{
			"whole":  {driver.StoreOptions{}, "12"},
			"append": {driver.StoreOptions{Append: true}, "01234567812"},
			"offset": {driver.StoreOptions{Offset: 4}, "012312"},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				root := t.TempDir()
				dir := openDir(t, root)
				dir.Uploads = uploads
				path := filepath.Join(root, "a")
				require.NoError(t, os.WriteFile(path, []byte("012345678"), 0o600))
				u, err := dir.Store(t.Context(), "a", tt.opts)
				require.NoError(t, err)
				defer u.Close(nil)
				fu := u.(driver.FileUpload)
				f, err := fu.OpenFile()
				require.NoError(t, err)
				defer f.Close()
				_, err = f.Read(make([]byte, 1))
				require.ErrorIs(t, err, syscall.EBADF)
				_, err = f.Write([]byte("12"))
				require.NoError(t, err)
				fu.Wrote(2)
				require.NoError(t, u.Commit())
				require.NoError(t, u.Close(nil))
				got, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, tt.want, string(got))
				_, err = fu.OpenFile()
				require.Error(t, err)
				require.False(t, errors.Is(err, errors.ErrUnsupported))
			})
		}
	}
}
