package server_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// A virus scanner looks at the content that any command makes, and the client reads
// what the scanner found. Nothing of refused content stays.
func TestInspect(t *testing.T) {
	files, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer files.Close()
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Driver = driver.User(testUser, testPassword, driver.Inspect(files, func(_ context.Context, up *driver.Inspection) error {
			r, err := up.Open()
			if err != nil {
				return err
			}
			data, err := io.ReadAll(r)
			if err == nil && bytes.Contains(data, []byte("EICAR")) {
				err = &driver.Error{Code: 553, Text: "Infected: EICAR. Nothing of " + up.Name + " was kept."}
			}
			return err
		}))
	})
	refused := func(c *client, name string) {
		t.Helper()
		require.Equal(t, "553 Infected: EICAR. Nothing of "+name+" was kept.", c.expect(553).String())
		require.Error(t, ts.lastTransfer(t).Err, "operators hear of it")
		require.Equal(t, "half EIC", readFile(t, files, "a"))
	}
	c := ts.loginClear(t)
	c.cmd(200, "TYPE I")
	c.put("half EIC", "STOR a")
	c.put("AR and half", "STOR b")
	for _, tt := range []struct{ data, line, name string }{
		{"an EICAR", "STOR new", "new"}, {"an EICAR", "STOR a", "a"}, {"AR", "APPE a", "a"}, {"AR", "REST 8", "a"},
	} {
		if tt.line == "REST 8" {
			c.cmd(350, "REST 8")
			tt.line = "STOR a"
		}
		data := c.open("%s", tt.line)
		_, err := io.WriteString(data, tt.data)
		require.NoError(t, err)
		closeWrite(data)
		refused(c, tt.name)
	}
	c.send("COMB c a b")
	refused(c, "c")
	require.ElementsMatch(t, []string{"a", "b"}, strings.Fields(c.get("NLST")))
	c.put(" is harmless", "APPE b")
	require.Equal(t, "AR and half is harmless", readFile(t, files, "b"))
}

// A client that does not want to wait for the scanner aborts, and nothing stays.
func TestInspectAborted(t *testing.T) {
	files := driver.Mem()
	looking := make(chan struct{})
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Driver = driver.User(testUser, testPassword, driver.Inspect(files, func(ctx context.Context, _ *driver.Inspection) error {
			close(looking)
			<-ctx.Done()
			return nil // all the same
		}))
	})
	c := ts.loginClear(t)
	data := c.open("STOR new")
	_, err := io.WriteString(data, "half an hour of work for the scanner")
	require.NoError(t, err)
	closeWrite(data)
	<-looking
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	require.Empty(t, c.get("NLST"))
}

// plainUploads is a wrapper whose uploads no scanner can look at.
type plainUploads struct{ driver.FS }

func (p plainUploads) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := p.FS.Store(ctx, name, opts)
	return plainUpload{up}, err
}

type plainUpload struct{ driver.Upload }

// Inspect refuses every upload if its FS does not show what is uploaded, and the
// log names what is missing where.
func TestInspectNamesTheCure(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) {
		files := driver.Inspect(plainUploads{driver.Mem()}, func(context.Context, *driver.Inspection) error { return nil })
		srv.Driver = driver.User(testUser, testPassword, files)
	})
	c := ts.loginClear(t)
	closeWrite(c.open("STOR a"))
	c.expect(504)
	require.Contains(t, ts.Log.String(), "give server_test.plainUpload an OpenStaged")
	require.Contains(t, ts.Log.String(), "Unwrap() driver.Upload")
}

// No file ever holds content that a scanner has not seen together: neither after a
// rename over the file that is appended to, nor in a directory that was moved.
func TestInspectWhileNamesChange(t *testing.T) {
	dir := t.TempDir()
	files, err := driver.OpenDir(dir)
	require.NoError(t, err)
	defer files.Close()
	require.NoError(t, files.Mkdir(t.Context(), "d"))
	writeFile(t, files, "d/x", "EIC")
	writeFile(t, files, "first", "EIC")
	writeFile(t, files, "a", "good ")
	meanwhile := func() {}
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Driver = driver.User(testUser, testPassword, driver.Inspect(files, func(_ context.Context, up *driver.Inspection) error {
			r, err := up.Open()
			if err != nil {
				return err
			}
			data, err := io.ReadAll(r)
			if err == nil && bytes.Contains(data, []byte("EICAR")) {
				err = &driver.Error{Code: 553, Text: "Infected."}
			}
			meanwhile()
			return err
		}))
	})
	c, other := ts.loginClear(t), ts.loginClear(t)
	c.cmd(200, "TYPE I")
	data := c.open("APPE d/x")
	uploadsInto(t, filepath.Join(dir, "d"), 1)
	other.cmd(350, "RNFR d")
	other.cmd(250, "RNTO e")
	other.cmd(257, "MKD d")
	writeFile(t, files, "d/x", "good ")
	_, err = io.WriteString(data, "AR")
	require.NoError(t, err)
	closeWrite(data)
	c.expect(553)
	require.Equal(t, "EIC", readFile(t, files, "e/x"))
	require.Equal(t, "good ", readFile(t, files, "d/x"))

	meanwhile = func() {
		other.cmd(350, "RNFR first")
		other.cmd(250, "RNTO a")
	}
	data = c.open("APPE a")
	_, err = io.WriteString(data, "AR")
	require.NoError(t, err)
	closeWrite(data)
	c.expect(450)
	require.Equal(t, "EIC", readFile(t, files, "a"))
}

// uploadsInto waits until a temporary file has joined n files of a directory.
func uploadsInto(t *testing.T, dir string, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(dir)
		return err == nil && len(entries) > n
	}, 10*time.Second, time.Millisecond)
}
