//go:build unix

package server_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// startDir serves a directory in clear.
func startDir(t *testing.T, path string) *testServer {
	t.Helper()
	dir, err := driver.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	return start(t, insecure, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, dir) })
}

// A special file, which can't be transferred, has no size and is no "file" (RFC
// 3659, sections 4 and 7.5.1): the server names its kind.
func TestSpecialFiles(t *testing.T) {
	path := t.TempDir()
	ts := startDir(t, path)
	require.NoError(t, syscall.Mkfifo(filepath.Join(path, "pipe"), 0o666))
	ln, err := net.Listen("unix", filepath.Join(path, "sock"))
	require.NoError(t, err)
	defer ln.Close()
	c := ts.loginClear(t)
	for name, kind := range map[string]string{"pipe": "a FIFO", "sock": "a socket"} {
		for _, verb := range []string{"SIZE", "MLST"} {
			require.Equal(t, "550 Is "+kind+", not a file.", c.cmd(550, "%s %s", verb, name).String())
		}
		for _, line := range []string{"RETR ", "STOR ", "APPE ", "HASH ", "SITE CPFR "} {
			c.cmd(227, "PASV")
			c.send("%s%s", line, name)
			if r := c.expect(350, 550); r.Code == 350 {
				c.cmd(550, "SITE CPTO copy")
			}
		}
	}
	facts := c.get("MLSD")
	require.Contains(t, facts, "type=OS.unix=fifo;")
	require.Contains(t, facts, "type=OS.unix=socket;")
	require.NotContains(t, facts, "type=file")
	c.cmd(250, "DELE pipe")
}

// The log says that a served directory no longer exists.
func TestServedDirectoryIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "served")
	require.NoError(t, os.Mkdir(path, 0o777))
	ts := startDir(t, path)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o777))
	c := ts.loginClear(t)
	for i, line := range []string{"LIST", "NLST", "MLSD", "CWD /", "SIZE a", "RETR a", "STOR a", "MKD d", "DELE a", "RMD d", "MFMT 20260102030405 a"} {
		c.cmd(227, "PASV")
		reply := c.cmd(451, "%s", line).String()
		require.NotContains(t, reply, "served", "no path goes on the wire")
		require.Equal(t, i+1, strings.Count(ts.Log.String(), "level=ERROR"), line)
	}
	require.Contains(t, ts.Log.String(), path)
}

// The log says so also when the directory goes during an upload.
func TestServedDirectoryGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "served")
	require.NoError(t, os.Mkdir(path, 0o777))
	ts := startDir(t, path)
	c := ts.loginClear(t)
	data := c.open("STOR a")
	_, err := data.Write([]byte("x"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // Store has begun
		left, err := os.ReadDir(path)
		return err == nil && len(left) == 1
	}, patience, time.Millisecond)
	require.NoError(t, os.RemoveAll(path))
	data.Close()
	c.expect(451)
	require.Contains(t, ts.Log.String(), "was removed")
}
