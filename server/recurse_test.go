package server_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// A directory below that can't be read is left out of a recursive listing, and the one that was asked for is refused.
func TestRecursiveListingOfUnreadableDirectory(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) {
		srv.ListRecursive = true
		wrapFiles(srv, func(fsys driver.FS) driver.FS {
			for _, name := range []string{"a", "secret", "z"} {
				require.NoError(t, fsys.Mkdir(t.Context(), name))
			}
			return driver.Restrict(fsys, func(_ context.Context, op driver.Op, name string) error {
				if op == driver.OpList && name == "secret" {
					return fs.ErrPermission
				}
				return nil
			})
		})
	})
	c := ts.loginClear(t)
	require.Equal(t, ".:\r\na\r\nsecret\r\nz\r\n\r\n./a:\r\n\r\n./z:\r\n", c.get("NLST -R"))
	c.pasv()
	c.cmd(550, "NLST -R secret")
}

// manyDirs has more directories than a recursive listing remembers.
type manyDirs struct{ driver.FS }

func (m manyDirs) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		info, err := m.Stat(ctx, "d")
		for i := 0; i <= 100_000 && yield(renamed{info, fmt.Sprint("d", i)}, err); i++ {
		}
	}
}

type renamed struct {
	fs.FileInfo
	name string
}

func (r renamed) Name() string { return r.name }

// A recursive listing of too many directories ends with the reply that says so.
func TestRecursiveListingIsBounded(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) {
		srv.ListRecursive = true
		wrapFiles(srv, func(fsys driver.FS) driver.FS {
			require.NoError(t, fsys.Mkdir(t.Context(), "d"))
			return manyDirs{fsys}
		})
	})
	c := ts.loginClear(t)
	data := c.open("NLST -R")
	go io.Copy(io.Discard, data)
	require.Contains(t, c.expect(451).String(), "too many directories")
	require.Contains(t, c.get("NLST"), "\r\nd100000\r\n", "without -R there is no bound")
}
