package server_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/server"
)

func deflated(t testing.TB, data string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := io.WriteString(z, data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func inflated(t testing.TB, data string) string {
	t.Helper()
	r := strings.NewReader(data)
	z, err := zlib.NewReader(r)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Zero(t, r.Len(), "bytes behind the stream")
	return string(text)
}

// Files and listings cross the data connection compressed, in clear and under
// TLS, at every level, from any offset.
func TestModeZ(t *testing.T) {
	random := make([]byte, 200_000)
	rand.Read(random)
	for _, inClear := range []bool{false, true} {
		ts := start(t, compress, func(srv *server.Server) { srv.InsecurePlaintext = inClear })
		c := (*client)(nil)
		if inClear {
			c = ts.loginClear(t)
		} else {
			c = ts.login(t)
		}
		c.cmd(200, "MODE Z")
		for level := 1; level <= 9; level += 4 {
			c.cmd(200, "OPTS MODE Z LEVEL %d", level)
			for _, data := range []string{"", "x", strings.Repeat("all work and no play\n", 20_000), string(random)} {
				c.put(deflated(t, data), "STOR a")
				require.True(t, ts.lastTransfer(t).Compressed)
				require.Equal(t, int64(len(data)), ts.lastTransfer(t).Bytes)
				require.Equal(t, data, ts.readFile(t, "a"))
				require.Equal(t, data, inflated(t, c.get("RETR a")))
				half := len(data) / 2
				c.cmd(350, "REST %d", half)
				require.Equal(t, data[half:], inflated(t, c.get("RETR a")))
				c.cmd(350, "REST %d", half)
				c.put(deflated(t, data[half:]), "STOR a")
				require.Equal(t, data, ts.readFile(t, "a"))
				c.put(deflated(t, data), "APPE a")
				require.Equal(t, data+data, ts.readFile(t, "a"))
			}
		}
		for _, verb := range []string{"LIST", "NLST", "MLSD"} {
			require.Contains(t, inflated(t, c.get("%s", verb)), "a\r\n")
		}
		c.cmd(200, "MODE S")
		require.Equal(t, "a\r\n", c.get("NLST"))
	}
}

// The end of the stream proves the end of the file, so close_notify is not
// needed even where it is required otherwise.
func TestModeZProvesEnd(t *testing.T) {
	ts := start(t, compress, func(srv *server.Server) { srv.RequireCloseNotify = true })
	c := ts.login(t)
	c.cmd(200, "MODE Z")
	for name, code := range map[string]int{deflated(t, "content"): 226, deflated(t, "content")[:9]: 426} {
		conn := c.open("STOR a")
		_, err := io.WriteString(conn, name)
		require.NoError(t, err)
		require.NoError(t, conn.(interface{ NetConn() net.Conn }).NetConn().(*ftpclient.TCPConn).CloseWrite())
		c.expect(code)
		require.False(t, ts.lastTransfer(t).Truncated && code == 226)
		conn.Close()
	}
	require.Equal(t, "content", ts.readFile(t, "a"))
}

// Row 35: a compressed file that unfolds to very much meets the quota and takes no
// memory of its own. ABOR is heard while it unfolds.
func TestModeZBomb(t *testing.T) {
	var bomb bytes.Buffer
	z := zlib.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 48 {
		_, err := z.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.Less(t, bomb.Len(), 128<<10)

	limited, err := driver.Limit(t.Context(), driver.Mem(), driver.Quota{Bytes: 8 << 20})
	require.NoError(t, err)
	ts := start(t, compress, withFiles(limited))
	c := ts.login(t)
	c.cmd(200, "MODE Z")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	conn := c.open("STOR bomb")
	conn.Write(bomb.Bytes())
	c.expect(552)
	conn.Close()
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
	_, err = limited.Stat(t.Context(), "bomb")
	require.Error(t, err)
	used, files := limited.Used()
	require.Zero(t, used+files)

	// A driver that takes everything, slowly.
	slow := &sink{MemFS: driver.Mem()}
	ts = start(t, compress, withFiles(slow))
	c = ts.login(t)
	c.cmd(200, "MODE Z")
	conn = c.open("STOR bomb")
	_, err = conn.Write(bomb.Bytes()[:bomb.Len()-1])
	require.NoError(t, err)
	c.cmd(200, "NOOP")
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	require.Less(t, slow.written.Load(), int64(47<<20), "it went on without the connection")
	conn.Close()
}

// sink takes uploads at 5 MB/s and keeps nothing.
type sink struct {
	*driver.MemFS
	written atomic.Int64
}

type sinkUpload struct{ *sink }

func (s *sink) Store(context.Context, string, driver.StoreOptions) (driver.Upload, error) {
	return sinkUpload{s}, nil
}
func (u sinkUpload) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(len(p)) * 200 * time.Nanosecond)
	u.written.Add(int64(len(p)))
	return len(p), nil
}
func (sinkUpload) Commit() error     { return errors.New("the bomb was committed") }
func (sinkUpload) Close(error) error { return nil }

// A hundred thousand empty blocks, which hold no byte of a file, count as silence:
// DataTimeout ends the connection (CVE-2005-0851).
func TestModeZEmptyBlocks(t *testing.T) {
	ts := start(t, compress)
	c := ts.login(t)
	c.cmd(200, "MODE Z")
	conn := c.open("STOR a")
	_, err := io.WriteString(conn, "\x78\x9c"+strings.Repeat("\x00\x00\x00\xff\xff", 100_000))
	require.NoError(t, err)
	c.cmd(200, "NOOP")
	conn.Close()
	c.expect(426)
	_, err = ts.FS.Stat(t.Context(), "a")
	require.Error(t, err)
}

// A download that is aborted has no end that a client could take for the end of the
// file.
func TestModeZAbort(t *testing.T) {
	random := make([]byte, 12<<20)
	rand.Read(random)
	ts := start(t, compress)
	ts.writeFile(t, "a", string(random))
	c := ts.login(t)
	c.cmd(200, "MODE Z")
	conn := c.open("RETR a")
	head := make([]byte, 1000)
	_, err := io.ReadFull(conn, head)
	require.NoError(t, err)
	c.send("ABOR")
	rest, err := io.ReadAll(conn)
	require.True(t, err != nil || ftpclient.Truncated(conn))
	c.expect(426)
	c.expect(226)
	z, err := zlib.NewReader(bytes.NewReader(append(head, rest...)))
	require.NoError(t, err)
	_, err = io.ReadAll(z)
	require.Error(t, err, fmt.Sprint(len(rest)))
	require.NotEmpty(t, c.get("NLST"))
}

// compress offers MODE Z.
func compress(srv *server.Server) { srv.Compress = true }
