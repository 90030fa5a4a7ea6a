package ftpstest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

var tree = fstest.MapFS{
	"in/orders.csv": {Data: []byte("1;2\n3;4\n")},
	"in/deep/a":     {Data: []byte("a")},
	"b":             {Data: []byte("b")},
}

func TestSeedAndFiles(t *testing.T) {
	srv := ftpstest.Config{Seed: tree}.Start(t)
	require.Equal(t, []string{"b", "in/deep/a", "in/orders.csv"}, srv.List())
	require.NoError(t, fstest.TestFS(srv.Files(), "b", "in/deep/a", "in/orders.csv"))
	srv.WantFile("/in/deep/a", "a")
	srv.WantFiles(tree)
	got, err := login(t, srv).Get("RETR in/orders.csv")
	require.NoError(t, err)
	require.Equal(t, "1;2\n3;4\n", got)

	from := t.TempDir()
	require.NoError(t, os.CopyFS(from, tree))
	srv = ftpstest.Config{Seed: os.DirFS(from)}.Start(t)
	srv.WantFiles(tree)
	srv.WantGolden(from)
}

func TestWantSaysWhatIsWrong(t *testing.T) {
	said := failing(t, func(t testing.TB) {
		srv := ftpstest.Config{Seed: tree}.Start(t)
		srv.WantFile("b", "c")
		srv.WantFile("none", "c")
		srv.WantFiles(fstest.MapFS{
			"in/orders.csv": {Data: []byte("1;2\n3;5\n")},
			"b":             {Data: []byte("b")},
			"in/c":          {},
		})
		c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		srv.WantCommands("USER", "PBSZ 0", "PROT P", "QUIT")
		srv.WantCommands("PROT P", "USER test")
		srv.WantCommands("STOR")
	})
	for _, part := range []string{
		`b: got "b", want "c"`,
		"none: ", "file does not exist",
		"in/c is missing",
		"in/deep/a is there, 1 bytes, and should not be",
		`in/orders.csv: 8 bytes, want 8; line 2 is "3;4\n", want "3;5\n"`,
		"no client sent USER test after PROT P",
		"no client sent STOR\n",
		"1 C: USER test\n1 S: 331 ",
		"1 C: PASS ****\n",
	} {
		require.Contains(t, said, part)
	}
	require.NotContains(t, said, ftpstest.DefaultPassword+"\n")
	require.NotContains(t, said, "PBSZ 0 after")
}

func TestGolden(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "golden")
	require.NoError(t, os.MkdirAll(dir, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "old"), nil, 0o666))
	srv := ftpstest.Config{Seed: tree}.Start(t)
	said := failing(t, func(t testing.TB) { ftpstest.Config{Seed: tree}.Start(t).WantGolden(dir) })
	require.Contains(t, said, "b is there")
	require.Contains(t, said, "old is missing")
	t.Setenv(ftpstest.UpdateEnv, "1")
	srv.WantGolden(dir)
	t.Setenv(ftpstest.UpdateEnv, "")
	srv.WantGolden(dir)
	require.NoFileExists(t, filepath.Join(dir, "old"))
}

func TestWaitFile(t *testing.T) {
	srv := ftpstest.Start(t)
	srv.WriteFile("dir/a", "old")
	go func() {
		c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
		if err != nil {
			return
		}
		defer c.Close()
		c.Put("STOR dir/a", "new")
		c.Put("STOR dir/b.part", "content")
		c.Cmd(350, "RNFR dir/b.part")
		c.Cmd(250, "RNTO dir/b")
		c.Cmd(350, "RNFR dir")
		c.Cmd(250, "RNTO moved")
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.Equal(t, "content", srv.WaitFile(ctx, "moved/b"))
	require.Equal(t, "new", srv.WaitFile(ctx, "/moved/a"))

	cancel()
	require.Contains(t, failing(t, func(t testing.TB) {
		ftpstest.Config{Seed: tree}.Start(t).WaitFile(ctx, "b")
	}), "wait for b: context canceled", "a file that no client has stored is waited for")
}
