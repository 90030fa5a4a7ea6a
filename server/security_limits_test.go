package server_test

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// rounds is how often a test that looks for leaks repeats itself: a few hundred
// times, or as SALLYPORT_ROUNDS says; 10,000 is what SECURITY.md promises.
func rounds(t testing.TB, few int) int {
	t.Helper()
	text := os.Getenv("SALLYPORT_ROUNDS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "SALLYPORT_ROUNDS")
	return n
}

// descriptors returns how many descriptors are open, where the system tells.
func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// Row 26: transfers that end in every wrong way leave nothing behind: no
// descriptor, goroutine, lease or temporary file.
func TestAbortsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	ports := passive.Any()
	ts := start(t, insecure, inDir(t, dir), func(srv *server.Server) { srv.Passive, srv.Logger = ports, nil })
	require.NoError(t, os.WriteFile(dir+"/big", make([]byte, 8<<20), 0o644))
	ends := []func(c *client, data io.Closer){
		func(c *client, data io.Closer) { c.send("ABOR"); c.expect(426); c.expect(226); c.cmd(221, "QUIT") },
		func(c *client, data io.Closer) { resetAtOnce(t, netConn(c.Conn)) },
		func(c *client, data io.Closer) { c.send("QUIT"); data.Close(); c.expect(226, 426); c.expect(221) },
		func(c *client, data io.Closer) { data.Close(); c.Conn.Close() },
		func(c *client, data io.Closer) { c.Conn.Close() },
	}
	round := func(n int) {
		secure := n%4 == 0
		c := map[bool]func(testing.TB) *client{true: ts.login, false: ts.loginClear}[secure](t)
		defer c.Conn.Close()
		if n%7 == 0 {
			c.pasv() // leaves the port unused
			resetAtOnce(t, netConn(c.Conn))
			return
		}
		data := c.open("%s", []string{"RETR big", "STOR new", "APPE new", "LIST"}[n%4])
		if n%4 == 1 || n%4 == 2 {
			io.WriteString(data, "some")
		}
		defer data.Close()
		if n%4 == 3 {
			c.expect(226, 426)
			c.Conn.Close()
			return
		}
		ends[n%len(ends)](c, data)
	}
	quiet := func() {
		eventually(t, "the sessions' end", func() bool { return len(ts.Sessions()) == 0 })
		eventually(t, "the listeners' end", func() bool { return ports.Stats().Listeners == 0 })
		stats := ports.Stats()
		require.Zero(t, stats.Leases+stats.Untaken+stats.Waiting)
	}
	ports.Idle = time.Millisecond
	for n := range 20 {
		round(n)
	}
	quiet()
	goroutines, open := runtime.NumGoroutine(), descriptors()
	for n := range rounds(t, 200) {
		round(n)
	}
	quiet()
	eventually(t, "as few goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "as few descriptors as before", func() bool { return descriptors() <= open })
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range left {
		require.False(t, strings.HasPrefix(entry.Name(), "."), entry.Name())
	}
}

// Row 27: 10,000 failures from one address and from many cost no memory beyond the
// tables of refusals, which are filled before. guard_internal_test.go shows the
// bound of the tables.
func TestFailedLoginsTakeNoMemory(t *testing.T) {
	const many = 10_000
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, memClient.String())
		c.expect(220)
		fail := func(n int) {
			for i := range n {
				c.cmd(331, "USER u%d", i)
				c.cmd(530, "PASS wrong")
			}
		}
		fail(many + 100)
		before := heap()
		fail(many)
		require.Less(t, heap(), before+1<<20)
	}, func(srv *server.Server) {
		srv.MaxLoginFailures, srv.LoginTimeout, srv.Logger = -1, -1, nil
		srv.Hooks = nil
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Row 30: neither an empty hash nor an empty password ever logs in.
func TestEmptyPasswords(t *testing.T) {
	hash, err := driver.HashToken("0123456789abcdef")
	require.NoError(t, err)
	files := driver.Mem()
	users := driver.Users{"blank": {Files: files}, "real": {Hash: hash, Files: files}}
	require.ErrorContains(t, users.Validate(), "blank")
	for name, d := range map[string]driver.Driver{
		"Users": driver.Func(users.Login), // Validate would refuse to start
		"User":  driver.User("blank", "x", files),
	} {
		fake(t, func(t *testing.T, fs *fakeServer) {
			c := fs.from(t, memClient.String())
			c.expect(220)
			for _, pass := range []string{"PASS", "PASS ", "PASS  ", "PASS x\x00", "PASS $token$", "PASS *", "PASS !"} {
				c.cmd(331, "USER blank")
				c.send("%s", pass)
				require.Contains(t, []int{530, 500}, c.expect(530, 500).Code, name)
				c.cmd(530, "PWD")
			}
			if name == "Users" {
				c.cmd(331, "USER real")
				c.cmd(530, "PASS")
				c.cmd(331, "USER real")
				c.cmd(230, "PASS 0123456789abcdef")
			}
		}, func(srv *server.Server) { srv.Driver, srv.MaxLoginFailures, srv.LoginTimeout = d, -1, -1 })
	}
}

// Row 10: the limits of sessions, which count before the handshake, bound a flood
// of handshakes. A valid client gets through as soon as the flood is over.
func TestHandshakeFlood(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i := range 200 {
			conn := fs.dialTCP(t, fs.ImplicitAddr)
			fmt.Fprintf(conn, "\x16\x03\x01\x02\x00\x01%c", i)
			synctest.Wait()
			require.Len(t, fs.Sessions(), min(i+1, 50))
		}
		time.Sleep(server.DefaultHandshakeTimeout)
		synctest.Wait()
		require.Empty(t, fs.Sessions())
		fs.login(t).cmd(200, "NOOP")
	}, func(srv *server.Server) { srv.MaxSessions = 50 })
}
