package server_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A file of the system goes out in clear without being copied (sendfile(2)): the
// whole, the rest and a range of it, and a client that closes early hears of that.
func TestRetrieveFromDisk(t *testing.T) {
	dir, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	ts := start(t, insecure, withFiles(dir))
	writeFile(t, dir, "a", "encrypted")
	require.Equal(t, "encrypted", ts.login(t).get("RETR a"), "not so under TLS")
	c := ts.loginClear(t)
	c.cmd(200, "TYPE I")
	for _, size := range []int{0, 1, 16 << 20} {
		content := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		writeFile(t, dir, "a", content)
		require.True(t, c.get("RETR a") == content)
		c.cmd(350, "REST %d", size/2)
		require.True(t, c.get("RETR a") == content[size/2:])
	}
	c.cmd(350, "RANG 5 20")
	require.Equal(t, "56789abcdef01234", c.get("RETR a"))

	data := c.open("RETR a")
	_, err = io.ReadFull(data, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, data.Close())
	c.expect(426)
	require.NotEmpty(t, c.get("RETR a"), "the session goes on")
}
