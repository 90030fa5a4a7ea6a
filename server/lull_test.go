package server_test

import (
	"bufio"
	"compress/zlib"
	"context"
	"io"
	"io/fs"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// tardyFS serves a file in parts, and a directory entry by entry, with a pause
// before each.
type tardyFS struct {
	driver.FS
	pause time.Duration
}

func (f tardyFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	file, err := f.FS.Open(ctx, name, offset)
	return &tardyFile{file, f.pause}, err
}

func (f tardyFS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range f.FS.List(ctx, name) {
			time.Sleep(f.pause)
			if !yield(info, err) {
				return
			}
		}
	}
}

// tardyFile returns ten bytes at a time.
type tardyFile struct {
	io.ReadCloser
	pause time.Duration
}

func (f *tardyFile) Read(p []byte) (int, error) {
	time.Sleep(f.pause)
	return f.ReadCloser.Read(p[:min(len(p), 10)])
}

func slowSource(pause time.Duration) func(*server.Server) {
	return func(srv *server.Server) {
		srv.Compress = true
		wrapFiles(srv, func(files driver.FS) driver.FS { return tardyFS{files, pause} })
	}
}

// Bytes of a slow file are not gathered until there is half a megabyte of them:
// they leave within tens of milliseconds, whether the file takes long for every
// part or each part comes a little before lullTime is over.
func TestSlowSource(t *testing.T) {
	content := strings.Repeat("0123456789", 100)
	for _, pause := range []time.Duration{20 * time.Millisecond, time.Second} {
		for name, mode := range map[string]struct{ secure, z bool }{
			"clear": {false, false}, "TLS": {true, false}, "clear, MODE Z": {false, true}, "TLS, MODE Z": {true, true},
		} {
			t.Run(name+" "+pause.String(), func(t *testing.T) {
				fake(t, func(t *testing.T, fs *fakeServer) {
					fs.writeFile(t, "a", content)
					login := map[bool]func(testing.TB) *client{false: fs.in, true: fs.inTLS}[mode.secure]
					c := login(t)
					if mode.z {
						c.cmd(200, "MODE Z")
					}
					var data io.Reader = fs.data(t, c, buffer)
					c.cmd(150, "RETR a")
					if mode.secure {
						data = c.dataTLS(data.(patient))
					}
					start := time.Now()
					if mode.z {
						z, err := zlib.NewReader(data)
						require.NoError(t, err)
						data = z
					}
					got := make([]byte, 10)
					for i := range 50 {
						_, err := io.ReadFull(data, got)
						require.NoError(t, err)
						require.Less(t, time.Since(start), time.Duration(i+2)*pause+40*time.Millisecond)
					}
					rest, err := io.ReadAll(data)
					require.NoError(t, err)
					require.Equal(t, content[500:], string(rest))
					c.expect(226)
				}, slowSource(pause))
			})
		}
	}
}

// A line of a slow listing does not wait for the next.
func TestSlowListing(t *testing.T) {
	for _, pause := range []time.Duration{100 * time.Millisecond, time.Second} {
		for _, verb := range []string{"NLST", "MLSD", "LIST", "LIST *"} {
			for name, mode := range map[string]struct{ secure, z bool }{
				"clear": {false, false}, "TLS": {true, false}, "clear, MODE Z": {false, true}, "TLS, MODE Z": {true, true},
			} {
				t.Run(verb+" "+name+" "+pause.String(), func(t *testing.T) {
					fake(t, func(t *testing.T, fs *fakeServer) {
						names := []string{"a", "b", "c", "d", "e"}
						for _, name := range names {
							fs.writeFile(t, name, "x")
						}
						login := map[bool]func(testing.TB) *client{false: fs.in, true: fs.inTLS}[mode.secure]
						c := login(t)
						if mode.z {
							c.cmd(200, "MODE Z")
						}
						start := time.Now()
						var data io.Reader = fs.data(t, c, buffer)
						c.cmd(150, "%s", verb)
						if mode.secure {
							data = c.dataTLS(data.(patient))
						}
						if mode.z {
							z, err := zlib.NewReader(data)
							require.NoError(t, err)
							data = z
						}
						lines := bufio.NewReader(data)
						for i, name := range names {
							line, err := lines.ReadString('\n')
							require.NoError(t, err)
							require.True(t, strings.HasSuffix(line, name+"\r\n"), line)
							require.Less(t, time.Since(start), time.Duration(i+1)*pause+40*time.Millisecond)
						}
						_, err := lines.ReadByte()
						require.ErrorIs(t, err, io.EOF)
						c.expect(226)
					}, slowSource(pause))
				})
			}
		}
	}
}
