package server_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// written returns the kinds of files in which two writers can meet.
func written(t *testing.T) map[string]driver.FS {
	t.Helper()
	dir, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	inPlace, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	inPlace.Uploads = driver.InPlace
	t.Cleanup(func() { inPlace.Close() })
	return map[string]driver.FS{"dir": dir, "in place": inPlace, "mem": driver.Mem()}
}

// Row 51: sessions that append to one file at once lose nothing of what was
// answered with 226.
func TestAppendTogether(t *testing.T) {
	for name, files := range written(t) {
		t.Run(name, func(t *testing.T) {
			const writers, lines = 5, 20
			writeFile(t, files, "log", strings.Repeat("old\n", 30_000))
			ts := start(t, withFiles(files))
			var wg sync.WaitGroup
			for i := range writers {
				c := ts.login(t)
				wg.Go(func() {
					for n := range lines {
						c.put(fmt.Sprintf("writer %d line %d\n", i, n), "APPE log")
					}
				})
			}
			wg.Wait()
			got := readFile(t, files, "log")
			require.True(t, strings.HasPrefix(got, strings.Repeat("old\n", 30_000)))
			for i := range writers {
				for n := range lines {
					require.Equal(t, 1, strings.Count(got, fmt.Sprintf("writer %d line %d\n", i, n)), "writer %d line %d", i, n)
				}
			}
		})
	}
}

// noting is an FS that tells when an upload has begun.
type noting struct {
	driver.FS
	begun chan struct{}
}

func (n noting) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := n.FS.Store(ctx, name, opts)
	n.begun <- struct{}{}
	return up, err
}

// meanwhile begins an upload, calls other with another session, and ends the
// upload.
func meanwhile(t *testing.T, files driver.FS, rest int, line string, other func(c *client)) reply {
	t.Helper()
	begun := make(chan struct{}, 10)
	ts := start(t, withFiles(noting{files, begun}))
	c, o := ts.login(t), ts.login(t)
	c.cmd(200, "TYPE I")
	o.cmd(200, "TYPE I")
	if rest > 0 {
		c.cmd(350, "REST %d", rest)
	}
	conn := c.open("%s", line)
	_, err := io.WriteString(conn, "+part")
	require.NoError(t, err)
	<-begun
	other(o)
	require.NoError(t, conn.Close())
	return c.expect(226, 450)
}

// An APPE that spans a STOR adds to the new file. An APPE that spans a DELE or a
// rename doesn't bring the file back. REST with STOR goes into the file that was
// there or into none.
func TestChangedMeanwhile(t *testing.T) {
	type want struct {
		code    int
		content string // empty: there is no file
	}
	for _, tt := range []struct {
		line  string
		rest  int
		other func(c *client)
		want  want
	}{
		{"APPE a", 0, func(c *client) { c.put("new", "STOR a") }, want{226, "new+part"}},
		{"APPE a", 0, func(c *client) { c.put("!", "APPE a") }, want{226, "old file!+part"}},
		{"APPE a", 0, func(c *client) { c.cmd(250, "DELE a") }, want{450, ""}},
		{"APPE a", 0, func(c *client) { c.cmd(350, "RNFR a"); c.cmd(250, "RNTO b") }, want{450, ""}},
		{"STOR a", 3, func(c *client) { c.put("new file", "STOR a") }, want{450, "new file"}},
		{"STOR a", 8, func(c *client) { c.put("!", "APPE a") }, want{450, "old file!"}},
		{"STOR a", 3, func(c *client) { c.cmd(250, "DELE a") }, want{450, ""}},
		{"STOR a", 3, func(c *client) { c.cmd(257, "MKD d") }, want{226, "old+part"}},
		{"STOR a", 8, func(c *client) { c.cmd(257, "MKD d") }, want{226, "old file+part"}},
	} {
		for name, files := range written(t) {
			if name == "in place" {
				continue // TestInPlaceMeanwhile
			}
			t.Run(fmt.Sprintf("%s %s from %d want %d", name, tt.line, tt.rest, tt.want.code), func(t *testing.T) {
				writeFile(t, files, "a", "old file")
				r := meanwhile(t, files, tt.rest, tt.line, tt.other)
				require.Equal(t, tt.want.code, r.Code, r.String())
				if tt.want.content == "" {
					_, err := files.Stat(t.Context(), "a")
					require.Error(t, err, "the file is back")
					return
				}
				require.Equal(t, tt.want.content, readFile(t, files, "a"))
			})
		}
	}
}

// A driver that writes in place refuses other writers of a file that is being
// stored: the file is in use. An upload whose file was removed meanwhile does not
// succeed.
func TestInPlaceMeanwhile(t *testing.T) {
	files := written(t)["in place"]
	writeFile(t, files, "a", "old file")
	r := meanwhile(t, files, 0, "STOR a", func(c *client) {
		conn := c.open("STOR a")
		c.expect(450)
		conn.Close()
		conn = c.open("APPE a")
		c.expect(450)
		conn.Close()
	})
	require.Equal(t, 226, r.Code)
	require.Equal(t, "+part", readFile(t, files, "a"))
	r = meanwhile(t, files, 0, "APPE a", func(c *client) { c.put("!", "APPE a") })
	require.Equal(t, 226, r.Code)
	require.Contains(t, []string{"+part+part!", "+part!+part"}, readFile(t, files, "a"))
	for _, line := range []string{"STOR a", "APPE a"} {
		r = meanwhile(t, files, 0, line, func(c *client) { c.cmd(250, "DELE a") })
		require.Equal(t, 450, r.Code, line)
		writeFile(t, files, "a", "again")
	}
}

// Every source that COMB removes is in a target, however many COMBs run at once and
// whatever is written to the sources meanwhile.
func TestCombineTogether(t *testing.T) {
	for name, files := range written(t) {
		t.Run(name, func(t *testing.T) {
			const writers, blocks = 4, 10
			ts := start(t, withFiles(files))
			var wg sync.WaitGroup
			for i := range writers {
				c := ts.login(t)
				wg.Go(func() {
					for n := range blocks {
						c.put(fmt.Sprintf("<%d.%d>", i, n), "STOR part%d", i)
						c.send("COMB all part%d", i)
						c.expect(250, 450)
						c.put(fmt.Sprintf("<%d.%d'>", i, n), "APPE part%d", i)
						c.send("COMB all part%d", i)
						c.expect(250, 450)
					}
				})
			}
			wg.Wait()
			everything := ""
			for fi, err := range files.List(t.Context(), ".") {
				require.NoError(t, err)
				everything += readFile(t, files, fi.Name())
			}
			for i := range writers {
				for n := range blocks {
					require.Contains(t, everything, fmt.Sprintf("<%d.%d'>", i, n))
				}
			}
		})
	}
}
