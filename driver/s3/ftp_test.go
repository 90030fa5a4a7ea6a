package s3

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// A client sees a bucket as files and directories, over the wire.
func TestClient(t *testing.T) {
	f := newFS(t)
	f.object(t, "in/old.csv", "old")
	f.object(t, "in/done/x", "x")
	srv := ftpstest.Config{FS: f}.Start(t)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.NoError(t, err)
	defer c.Close()
	command := func(code int, line, want string) {
		t.Helper()
		r, err := c.Cmd(code, line)
		require.NoError(t, err)
		require.Contains(t, r.Text(), want)
	}

	// Store under another name first, as most clients do.
	command(250, "CWD in", "")
	require.NoError(t, c.Put("STOR new.csv.part", "new"))
	command(350, "RNFR new.csv.part", "")
	command(250, "RNTO new.csv", "")
	got, err := c.Get("RETR new.csv")
	require.NoError(t, err)
	require.Equal(t, "new", got)
	command(350, "REST 1", "")
	got, err = c.Get("RETR new.csv")
	require.NoError(t, err)
	require.Equal(t, "ew", got)
	command(213, "SIZE new.csv", "3")
	command(213, "MDTM new.csv", "20")
	got, err = c.Get("MLSD")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^type=file;size=3;modify=20\d{12};.* new\.csv\r$`, got)
	require.Regexp(t, `(?m)^type=dir;(?:perm=\w*;)?.* done\r$`, got)

	// Go through a directory that only keys imply.
	command(213, "SIZE done/../new.csv", "3")
	command(550, "SIZE nope/../new.csv", "No such file")
	command(501, "SIZE caf\xe9.csv", "UTF-8")

	refused := func(line, want string) {
		t.Helper()
		_, err := c.Open(line)
		require.ErrorContains(t, err, want, "before the client is invited to send")
	}
	refused("APPE new.csv", "504 Object storage cannot append to a file: remove it first, or store it whole with STOR.")
	command(350, "REST 2", "")
	refused("STOR new.csv", "504 Object storage cannot change a part of a file: store it whole, without REST.")
	require.Equal(t, []string{"in/done/x", "in/new.csv", "in/old.csv"}, f.keys(t))
}
