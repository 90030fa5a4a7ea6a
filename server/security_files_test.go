package server_test

import (
	stdtls "crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// outside makes a directory <tmp>/root to be served, a directory <tmp>/rootX beside
// it, and a secret above.
func outside(t testing.TB) (root, secret string) {
	t.Helper()
	tmp := t.TempDir()
	root = filepath.Join(tmp, "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(tmp, "rootX"), 0o755))
	for _, name := range []string{"secret", "rootX/secret"} {
		require.NoError(t, os.WriteFile(filepath.Join(tmp, name), []byte("SECRET"), 0o644))
	}
	return root, filepath.Join(tmp, "secret")
}

// try plays a command with a data connection at hand and returns all that came
// back.
func (c *client) try(line string) string {
	c.t.Helper()
	at := c.epsv()
	conn := c.dataTCP(at)
	defer conn.Close()
	c.send("%s", line)
	r, err := c.ReadReply()
	require.NoError(c.t, err, line)
	all := r.String()
	if r.Code == 150 {
		if verb, _, _ := strings.Cut(line, " "); verb == "STOR" || verb == "APPE" || verb == "STOU" {
			io.WriteString(conn, "PLANTED")
			closeWrite(conn)
		}
		data, _ := io.ReadAll(conn)
		r, err = c.ReadReply()
		require.NoError(c.t, err, line)
		all += string(data) + r.String()
	}
	return all
}

// Row 12: no spelling of a path leads above the root.
func TestTraversal(t *testing.T) {
	root, secret := outside(t)
	ts := start(t, insecure, symlinks, inDir(t, root))
	c := ts.loginClear(t)
	for _, path := range []string{
		"../secret", "/../secret", "/..//../secret", "a/../../secret", "....//secret", "..\\secret", "..\\..\\secret", "/..\\secret",
		"%2e%2e/secret", "%2e%2e%2fsecret", "..%c0%afsecret", "\xc0\xae\xc0\xae/secret", "．．/secret", "../rootX/secret", "/../rootX/secret",
		"./.././secret", "//../secret", "~/../secret", "..", "../..", "a/b/../../../secret", secret, filepath.Dir(root) + "X/secret", "../root/../secret",
	} {
		for _, verb := range []string{"RETR", "SIZE", "MDTM", "MLST", "LIST", "NLST", "MLSD", "STAT", "CWD", "RNFR", "DELE", "RMD", "STOR", "APPE", "MKD", "SITE CHMOD 777", "MFMT 20200101000000"} {
			require.NotContains(t, c.try(verb+" "+path), "SECRET", "%s %s", verb, path)
		}
		c.try("CWD /")
		c.try("STOR x")
		c.try("RNFR x")
		c.try("RNTO " + path)
		c.try("SITE SYMLINK " + path + " l")
		require.NotContains(t, c.try("RETR l"), "SECRET", path)
		c.try("DELE l")
	}
	for _, name := range []string{secret, filepath.Join(root+"X", "secret")} {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, "SECRET", string(content))
	}
	left, err := os.ReadDir(filepath.Dir(root))
	require.NoError(t, err)
	require.Len(t, left, 3, "something was made outside")
}

// Row 13: a directory turns into a link to the outside and back again during every
// verb, and nothing outside is reached.
func TestSymlinkRace(t *testing.T) {
	root, _ := outside(t)
	ts := start(t, insecure, inDir(t, root))
	dir, link := filepath.Join(root, "d"), filepath.Join(root, "spare")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Symlink("..", link))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		swap := filepath.Join(root, "swap")
		for {
			select {
			case <-stop:
				return
			default:
				os.Rename(dir, swap)
				os.Rename(link, dir)
				os.Rename(swap, link)
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	c := ts.loginClear(t)
	for range 60 {
		for _, line := range []string{
			"RETR d/secret", "LIST d", "MLSD d", "NLST d", "STAT d", "STOR d/planted", "MKD d/planted", "DELE d/secret", "SITE CHMOD 777 d/secret", "SIZE d/secret", "MFMT 20200101000000 d/secret",
		} {
			got := c.try(line)
			require.NotContains(t, got, "SECRET", line)
			require.NotContains(t, got, "rootX", line)
		}
		c.try("RNFR d/secret")
		c.try("RNTO stolen")
	}
	left, err := os.ReadDir(filepath.Dir(root))
	require.NoError(t, err)
	require.Len(t, left, 3, "something was made or taken outside")
}

// Row 17: every verb gets a path as long as a line can be.
func TestLongPaths(t *testing.T) {
	ts := start(t, insecure, symlinks, inDir(t, t.TempDir()))
	c := ts.loginClear(t)
	for _, path := range []string{strings.Repeat("a", 4000), strings.Repeat("a/", 2000), strings.Repeat("/", 4000) + "x", strings.Repeat("../", 1300) + "x", strings.Repeat("é", 2000)} {
		for _, verb := range []string{
			"CWD", "RETR", "STOR", "APPE", "STOU", "DELE", "MKD", "RMD", "RNFR", "RNTO", "SIZE", "MDTM", "MLST", "MLSD", "LIST", "NLST", "STAT", "AVBL",
			"SITE CHMOD 644", "SITE CHGRP 0", "SITE UTIME 20200101000000", "SITE SYMLINK a", "MFMT 20200101000000", "MFF modify=20200101000000;", "HELP", "OPTS", "CLNT", "HOST",
		} {
			c.try(verb + " " + path)
			c.cmd(200, "NOOP") // shows that no reply is left over
		}
		c.cmd(250, "CWD /")
		for range 5 { // tries to make the working directory grow without bound
			c.send("MKD %s", path[:min(200, len(path))])
			c.ReadReply()
			c.send("CWD %s", path[:min(200, len(path))])
			c.ReadReply()
		}
		c.cmd(250, "CWD /")
	}
}

// Row 34: no way to store gets around a quota.
func TestQuota(t *testing.T) {
	files := driver.Mem()
	_, err := driver.Limit(t.Context(), files, driver.Quota{Bytes: -1})
	require.Error(t, err)
	limited, err := driver.Limit(t.Context(), files, driver.Quota{Bytes: 10})
	require.NoError(t, err)
	ts := start(t, insecure, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, limited) })
	c := ts.loginClear(t)
	c.put("12345678", "STOR a")
	for _, line := range []string{"APPE a", "STOR b"} {
		require.Contains(t, c.try(line), "552", line)
	}
	c.cmd(350, "REST 8")
	require.Contains(t, c.try("STOR a"), "552")
	require.Equal(t, "12345678", readFile(t, files, "a"))
	c.put("ab", "APPE a")
	require.Equal(t, "12345678ab", readFile(t, files, "a"))
	c.cmd(350, "REST 8")
	c.put("", "STOR a")
	require.Equal(t, "12345678", readFile(t, files, "a"))
}

// Row 36: whatever happens before the end of the data, an old file stays whole.
// Without a data connection not even an in-place driver is called.
func TestOverwriteAccidents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	place, err := driver.OpenDir(dir)
	require.NoError(t, err)
	defer place.Close()
	place.Uploads = driver.InPlace
	for name, files := range map[string]driver.FS{"memory": driver.Mem(), "in place": place} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, files, "a", "old")
			ts := start(t, insecure, withFiles(files))
			c := ts.login(t)
			whole := func() { t.Helper(); require.Equal(t, "old", readFile(t, files, "a")) }
			c.cmd(425, "STOR a")
			whole()
			c.pasv()
			c.cmd(150, "STOR a")
			c.cmd(426, "ABOR")
			c.expect(226)
			whole()
			hasty := start(t, insecure, withFiles(files), func(srv *server.Server) {
				srv.Passive = passive.Any()
				srv.Passive.TTL = time.Second // after a reset the lease waits that long for another connection
			}).login(t)
			resetAtOnce(t, hasty.dataTCP(hasty.pasv()))
			hasty.send("STOR a")
			if hasty.expect(150, 425).Code == 150 { // 425 comes first if the machine took longer
				hasty.expect(425)
			}
			whole()
			conn := c.dataTCP(c.pasv())
			c.cmd(150, "STOR a")
			io.WriteString(conn, "this is no TLS")
			c.expect(425)
			whole()
			if name == "in place" {
				return
			}
			conn = c.open("STOR a")
			io.WriteString(conn, "new")
			resetAtOnce(t, netConn(conn))
			c.expect(426)
			whole()
			conn = c.open("STOR a")
			io.WriteString(conn, "new")
			c.cmd(426, "ABOR")
			c.expect(226)
			whole()
			conn = c.open("STOR a")
			io.WriteString(conn, "new")
			resetAtOnce(t, netConn(c.Conn))
			eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
			whole()
			conn.Close()
		})
	}
}

// netConn returns the connection below TLS.
func netConn(conn net.Conn) net.Conn {
	if sec, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return sec.NetConn()
	}
	return conn
}

// Row 39: no reply holds a real path, a version or the name of another user.
func TestNothingLeaks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o644))
	require.NoError(t, os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "absolute")))
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "relative")))
	ts := start(t, insecure, symlinks, inDir(t, dir))
	ts.loginClear(t)
	c := ts.dial(t)
	all := c.cmd(211, "STAT").String() + c.cmd(214, "HELP").String() + c.cmd(211, "FEAT").String() + c.cmd(215, "SYST").String()
	c.login()
	for _, line := range []string{
		"STAT", "STAT /", "LIST", "MLSD", "NLST", "PWD", "CWD a", "CWD nope", "RETR nope", "RETR /", "RETR absolute", "STOR /", "STOR a/b", "STOR nope/x", "MKD a", "MKD nope/x",
		"RMD a", "DELE nope", "RNFR nope", "SITE CHMOD 644 nope", "SITE SYMLINK a a", "MFMT 20200101000000 nope", "AVBL nope", "CSID Name=x;", "SITE HELP", "MLST absolute", "MLST relative",
	} {
		all += c.try(line)
	}
	for _, bad := range []string{dir, filepath.Dir(dir), "goroutine", "go1.", ".go:", "openat", "errno", "os."} {
		require.NotContains(t, all, bad)
	}
	require.NotRegexp(t, `\d+\.\d+\.\d+[^.\d]`, strings.ReplaceAll(all, "127.0.0.1", ""), "a version")
	require.Contains(t, all, "relative -> a")
}

// Row 36: the reset of a data connection is no end of an upload, whatever the
// server was doing at that moment.
func TestResetIsNoEnd(t *testing.T) {
	for name, login := range map[string]func(*testServer) *client{
		"TLS":   func(ts *testServer) *client { return ts.login(t) },
		"clear": func(ts *testServer) *client { return ts.loginClear(t) },
	} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure)
			ts.writeFile(t, "a", "old")
			for i := range 40 {
				c := login(ts)
				conn := c.open("STOR a")
				conn.Write(make([]byte, 1+i*2000))
				time.Sleep(time.Duration(i%4) * 5 * time.Millisecond) // the server may wait for more by then or not
				tcp := conn
				if sec, ok := conn.(*stdtls.Conn); ok {
					tcp = sec.NetConn()
				}
				resetAtOnce(t, tcp)
				if i%2 == 0 {
					c.send("QUIT")
				}
				c.expect(426)
				require.Equal(t, "old", ts.readFile(t, "a"))
			}
		})
	}
}
