package server_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// slowFS serves files whose Read waits until told to go on. Like the Read of a real
// file it does not look at its context meanwhile.
type slowFS struct {
	driver.FS
	reading chan struct{} // tells that a Read has begun
	release chan struct{}
}

func (f slowFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	file, err := f.FS.Open(ctx, name, offset)
	if err != nil {
		return nil, err
	}
	return &slowFile{file, f, ctx}, nil
}

type slowFile struct {
	io.ReadCloser
	fs  slowFS
	ctx context.Context
}

func (f *slowFile) Read(p []byte) (int, error) {
	select {
	case f.fs.reading <- struct{}{}:
	case <-f.ctx.Done():
	}
	select {
	case <-f.fs.release:
	case <-f.ctx.Done():
	}
	return f.ReadCloser.Read(p[:min(len(p), 4)])
}

// startSlow starts a server whose files are slow. start runs the commands.
func startSlow(t *testing.T) (*testServer, slowFS) {
	var slow slowFS
	ts := start(t, func(srv *server.Server) {
		slow = slowFS{reading: make(chan struct{}), release: make(chan struct{})}
		wrapFiles(srv, func(files driver.FS) driver.FS {
			f := slow
			f.FS = files
			return f
		})
	})
	return ts, slow
}

// work lists the commands that work on files without a data connection, each with
// the command that must come before and the code of the reply.
var work = []struct {
	before, line string
	code         int
}{
	{"", "HASH a", 213},
	{"RANG 1 7", "HASH a", 213},
	{"", "XSHA512 a 1 7", 250},
	{"", "COMB new b a", 250},
	{"SITE CPFR a", "SITE CPTO new", 250},
}

// While the server works on files without a data connection the control connection
// is heard. Every command is answered in its turn, since there is no 150 after
// which a client would expect another reply than the one to its command.
func TestWorkBesideSession(t *testing.T) {
	for _, w := range work {
		t.Run(w.before+w.line, func(t *testing.T) {
			ts, slow := startSlow(t)
			ts.writeFile(t, "a", "0123456789")
			ts.writeFile(t, "b", "x")
			c := ts.login(t)
			if w.before != "" {
				c.cmd(350, "%s", w.before)
			}
			c.send("%s", w.line)
			<-slow.reading
			c.write("NOOP\r\nSTAT\r\nPWD\r\n")
			time.Sleep(30 * time.Millisecond) // time for the attendant to hear them; otherwise the test shows less
			for done := false; !done; {
				select {
				case slow.release <- struct{}{}:
				case <-slow.reading:
				case <-time.After(100 * time.Millisecond):
					done = true
				}
			}
			c.expect(w.code)
			c.expect(200)
			c.expect(211)
			c.expect(257)
			c.cmd(200, "NOOP")
			require.Zero(t, ts.Sessions()[0].Sent, "what stays in the server was sent")
		})
	}
}

// ABOR ends the work: 426 for the command, 226 for ABOR. So does hanging up.
func TestAbortWork(t *testing.T) {
	t.Parallel()
	for _, w := range work {
		t.Run(w.before+w.line, func(t *testing.T) {
			ts, slow := startSlow(t)
			ts.writeFile(t, "a", "0123456789")
			ts.writeFile(t, "b", "x")
			c := ts.login(t)
			begin := func() {
				if w.before != "" {
					c.cmd(350, "%s", w.before)
				}
				c.send("%s", w.line)
				<-slow.reading
			}
			begin()
			c.send("ABOR")
			c.expect(426)
			c.expect(226)
			require.Equal(t, "0123456789", ts.readFile(t, "a"))
			require.Equal(t, "x", ts.readFile(t, "b"))
			_, err := ts.FS.Stat(t.Context(), "new")
			require.Error(t, err)
			begin()
			c.Conn.Close()
			eventually(t, "the end of the session", func() bool { return len(ts.Sessions()) == 0 })
		})
	}
}

// sumFS is files with checksums of their own.
type sumFS struct {
	driver.FS
	mu    sync.Mutex
	asked []string
	err   error
}

func (f *sumFS) Checksum(_ context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, algorithm+" "+name)
	if offset != 0 || length >= 0 {
		return nil, errors.ErrUnsupported
	}
	return []byte{1, 2, 3}, f.err
}

// The server takes a driver's own checksum if the driver has one, behind wrappers
// too.
func TestNativeChecksum(t *testing.T) {
	files := &sumFS{FS: driver.Mem()}
	writeFile(t, files, "a", "0123456789")
	mount, err := driver.Mount(map[string]driver.FS{"m": driver.WithoutWrites(files)})
	require.NoError(t, err)
	limited, err := driver.Limit(t.Context(), mount, driver.Quota{Bytes: 100})
	require.NoError(t, err)
	ts := start(t, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, limited) })
	c := ts.login(t)
	c.cmd(250, "CWD m")
	require.Equal(t, "213 SHA-256 0-9 010203 a", c.cmd(213, "HASH a").String())
	require.Equal(t, "250 781E5E245D69B566979B86E28D23F2C7", c.cmd(250, "XMD5 a 0 10").String())
	c.cmd(350, "RANG 0 0")
	require.Contains(t, c.cmd(213, "HASH a").String(), "SHA-256 0-0 5feceb66ffc86f38")
	require.Equal(t, []string{"SHA-256 a", "MD5 a", "SHA-256 a"}, files.asked)
	files.err = errors.New("secret path")
	require.NotContains(t, c.cmd(451, "HASH a").String(), "secret")
}
