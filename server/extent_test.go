package server_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A file that somebody cuts while it is sent is not answered with 226. A program
// that empties its log cuts a file, and so does a STOR in place.
func TestRetrieveShortened(t *testing.T) {
	const size = 64 << 20 // more than waits in sockets
	for name, uploads := range map[string]driver.Uploads{"atomic": driver.Atomic, "in place": driver.InPlace} {
		path := t.TempDir()
		dir, err := driver.OpenDir(path)
		require.NoError(t, err)
		t.Cleanup(func() { dir.Close() })
		dir.Uploads = uploads
		ts := start(t, insecure, withFiles(dir))
		clear, secure := ts.loginClear(t), ts.login(t)
		for _, c := range []*client{clear, secure} {
			c.cmd(200, "TYPE I")
			for _, rest := range []string{"", "REST 10", "RANG 10 60000000"} {
				full := filepath.Join(path, "log")
				require.NoError(t, os.WriteFile(full, nil, 0o666))
				require.NoError(t, os.Truncate(full, size))
				if rest != "" {
					c.cmd(350, "%s", rest)
				}
				data := c.open("RETR log")
				_, err := io.ReadFull(data, make([]byte, 10))
				require.NoError(t, err)
				require.NoError(t, os.Truncate(full, size/2))
				_, _ = io.Copy(io.Discard, data)
				data.Close()
				require.Equal(t, "451 The file became shorter while it was sent; try again.", c.expect(451).String(), "%s %s", name, rest)
			}
			require.NoError(t, os.WriteFile(filepath.Join(path, "log"), []byte("new"), 0o666))
			require.Equal(t, "new", c.get("RETR log"))
		}
	}
}

// A file that is cut behind the part that was asked for, or grows, is answered with
// 226.
func TestRetrieveShortenedBehind(t *testing.T) {
	path := t.TempDir()
	dir, err := driver.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	ts := start(t, insecure, withFiles(dir))
	const size = 64 << 20
	full := filepath.Join(path, "log")
	require.NoError(t, os.WriteFile(full, nil, 0o666))
	require.NoError(t, os.Truncate(full, size))
	c := ts.loginClear(t)
	c.cmd(200, "TYPE I")
	c.cmd(350, "RANG 0 %d", size/2-1)
	data := c.open("RETR log")
	require.NoError(t, os.Truncate(full, size/2))
	n, err := io.Copy(io.Discard, data)
	require.NoError(t, err)
	require.EqualValues(t, size/2, n)
	c.expect(226)
	data = c.open("RETR log")
	require.NoError(t, os.Truncate(full, size))
	n, err = io.Copy(io.Discard, data)
	require.NoError(t, err)
	require.EqualValues(t, size/2, n)
	c.expect(226)
}
