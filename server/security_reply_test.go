package server_test

import (
	"context"
	"io/fs"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// evilFS has names and errors that would split a reply or a listing.
type evilFS struct{ driver.FS }

const evilName = "a\r\n226 Done\r\nb\x1b"

func (f evilFS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		info, err := f.FS.Stat(ctx, "x")
		if yield(evilInfo{info}, err) {
			yield(evilOwner{info}, err)
		}
	}
}

func (evilFS) Mkdir(context.Context, string) error {
	return &driver.Error{Code: 550, Text: "No.\r\n230 Logged in.\r\n\x00"}
}

func (evilFS) Remove(context.Context, string) error { return &driver.Error{Code: 230, Text: "fine"} }

type evilInfo struct{ fs.FileInfo }

func (evilInfo) Name() string { return evilName }

type evilOwner struct{ fs.FileInfo }

func (evilOwner) Owner() string { return "o\r\n x" }
func (evilOwner) Group() string { return "g\n" }

// Row 33: whatever a driver returns, a reply is one reply and a file is one line of
// a listing, or no line if no command could name the file.
func TestReplyInjection(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS { return evilFS{files} })
		srv.Greeting = "Hello.\r\n331 x\r\n220 y"
	})
	ts.writeFile(t, "x", "")
	c := ts.connect(t)
	require.Equal(t, []string{"220-Hello.", " 331 x", "220 220 y"}, c.expect(220).Lines)
	c.login()
	for _, verb := range []string{"LIST", "NLST", "MLSD"} {
		got := c.get("%s", verb)
		require.Equal(t, 1, strings.Count(got, "\n"), "%s: %q", verb, got)
		require.Equal(t, 1, strings.Count(got, "\r"), "%s: %q", verb, got)
	}
	require.Len(t, c.cmd(213, "STAT /").Lines, 3)
	require.Len(t, c.cmd(550, "MKD x").Lines, 1)
	c.cmd(550, "DELE x") // an error can't be a success
	c.cmd(257, "PWD")
}
