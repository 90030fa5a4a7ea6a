package server_test

import (
	"context"
	stdtls "crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// journal keeps what hooks and drivers report, in order.
type journal struct {
	mu     sync.Mutex
	events []string
}

func (j *journal) add(event string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, event)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events)
}

// Each hook is called after the fact that it is named for: Transfer after the file
// is closed and before 226 is heard, Disconnect after everything.
func TestHooksOrder(t *testing.T) {
	j := new(journal)
	ts := start(t, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS { return journalFS{files, j} })
		srv.Hooks = &server.Hooks{
			Connect: func(server.SessionInfo) { j.add("connect") },
			Login: func(l server.Login) {
				j.add("login " + l.User + map[bool]string{true: "", false: " refused"}[l.Err == nil])
			},
			Command:    func(c server.Command) { j.add(c.Line) },
			Transfer:   func(x server.Transfer) { j.add("transfer " + x.Verb + " " + x.Path) },
			Disconnect: func(_ server.SessionInfo, err error) { j.add("disconnect") },
		}
	})
	c := ts.dial(t)
	c.authTLS()
	c.cmd(331, "USER bob")
	c.cmd(530, "PASS swordfish")
	c.login()
	c.protect()
	conn := c.open("STOR a")
	io.WriteString(conn, "x")
	conn.Close()
	c.expect(226)
	at226 := j.all()
	c.cmd(221, "QUIT")
	c.end()
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	want := []string{
		"connect", "AUTH TLS", "USER bob", "login bob refused", "PASS ****", "USER alice", "login alice", "PASS ****",
		"PBSZ 0", "PROT P", "PASV", "commit", "close", "transfer STOR /a", "STOR a", "QUIT", "disconnect",
	}
	require.Equal(t, want, j.all())
	require.Contains(t, at226, "transfer STOR /a")
}

type journalFS struct {
	driver.FS
	j *journal
}

func (f journalFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := f.FS.Store(ctx, name, opts)
	return journalUpload{u, f.j}, err
}

type journalUpload struct {
	driver.Upload
	j *journal
}

func (u journalUpload) Commit() error {
	defer u.j.add("commit")
	return u.Upload.Commit()
}

func (u journalUpload) Close(cause error) error {
	defer u.j.add("close")
	return u.Upload.Close(cause)
}

func TestTransferHook(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "0123456789")
	c := ts.login(t)
	before := time.Now()

	c.cmd(350, "REST 4")
	require.Equal(t, "456789", c.get("RETR a"))
	x := ts.lastTransfer(t)
	require.Equal(t, []any{"RETR", "/a", int64(4), int64(6), nil}, []any{x.Verb, x.Path, x.Offset, x.Bytes, x.Err})
	require.Equal(t, []bool{true, true, false, false}, []bool{x.Protected, x.Resumed, x.Truncated, x.ASCII})
	require.Equal(t, testUser, x.Session.User)
	require.True(t, x.Session.Secure)
	require.False(t, x.Session.Implicit)
	require.Equal(t, "127.0.0.1", x.Peer.Addr().String())
	require.NotEqual(t, x.Session.Peer, x.Peer)
	require.Positive(t, x.Duration)
	require.Less(t, x.Duration, time.Since(before))

	// This data connection proves nothing, is of a session that never proved
	// anything, and ends with FIN alone.
	first := c
	c = ts.login(t)
	c.TLS.ClientSessionCache = nil
	conn := c.open("STOR b")
	io.WriteString(conn, "abc")
	closeBare(t, conn)
	c.expect(226)
	x = ts.lastTransfer(t)
	require.Equal(t, []bool{true, false, true}, []bool{x.Protected, x.Resumed, x.Truncated})
	require.Equal(t, "abc", ts.readFile(t, "b"))
	c = first

	c.cmd(200, "TYPE A")
	c.put("x\r\ny\r\n", "APPE b")
	x = ts.lastTransfer(t)
	require.Equal(t, []any{"APPE", int64(6), true}, []any{x.Verb, x.Bytes, x.ASCII})
	require.Equal(t, "abcx\ny\n", ts.readFile(t, "b"))

	c.get("MLSD")
	x = ts.lastTransfer(t)
	require.Equal(t, []any{"MLSD", "/", false}, []any{x.Verb, x.Path, x.ASCII})
	require.Positive(t, x.Bytes)

	conn = c.dataTCP(c.pasv())
	c.cmd(150, "STOR c")
	c.cmd(426, "ABOR")
	c.expect(226)
	require.Error(t, ts.lastTransfer(t).Err)
	require.Zero(t, ts.lastTransfer(t).Bytes)
	conn.Close()

	plain := ts.loginClear(t)
	plain.get("RETR a")
	x = ts.lastTransfer(t)
	require.Equal(t, []bool{false, false, false}, []bool{x.Protected, x.Resumed, x.Truncated})
	require.False(t, x.Session.Secure)
}

// closeBare ends a TLS connection with FIN and no close_notify.
func closeBare(t testing.TB, conn io.Closer) {
	t.Helper()
	require.NoError(t, conn.(*stdtls.Conn).NetConn().Close())
}

func TestSessions(t *testing.T) {
	ts := start(t)
	require.Empty(t, ts.Sessions())
	c := ts.dial(t)
	s := ts.Sessions()[0]
	require.Equal(t, []any{c.Conn.LocalAddr().String(), ts.Addr, "", "", false}, []any{s.Peer.String(), s.Local.String(), s.User, s.Doing, s.Secure})
	c.authTLS()
	c.login()
	c.protect()
	conn := c.open("STOR a b")
	io.WriteString(conn, strings.Repeat("x", 300<<10))
	eventually(t, "the first bytes", func() bool { return ts.Sessions()[0].Transferred > 0 })
	s = ts.Sessions()[0]
	require.Equal(t, []any{testUser, "STOR a b", true, false, int64(0)}, []any{s.User, s.Doing, s.Secure, s.Implicit, s.Received})
	conn.Close()
	c.expect(226)
	c.get("RETR a b")
	eventually(t, "an idle session", func() bool { return ts.Sessions()[0].Doing == "" })
	s = ts.Sessions()[0]
	require.Equal(t, []int64{300 << 10, 300 << 10, 0}, []int64{s.Received, s.Sent, s.Transferred})

	other := ts.dialImplicit(t)
	ids := map[string]bool{}
	for _, s := range ts.Sessions() {
		ids[s.ID] = true
	}
	require.Len(t, ids, 2)
	other.cmd(221, "QUIT")
	c.cmd(221, "QUIT")
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
}

// The hook Disconnect is told the reason: nil after QUIT.
func TestDisconnectCause(t *testing.T) {
	var mu sync.Mutex
	var causes []error
	ts := start(t, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Disconnect: func(_ server.SessionInfo, err error) {
			mu.Lock()
			defer mu.Unlock()
			causes = append(causes, err)
		}}
	})
	cause := func(n int) error {
		eventually(t, "the end", func() bool { mu.Lock(); defer mu.Unlock(); return len(causes) == n })
		return causes[n-1]
	}
	c := ts.login(t)
	c.cmd(221, "QUIT")
	require.NoError(t, cause(1))
	ts.login(t).Conn.Close()
	require.True(t, errors.Is(cause(2), io.EOF), "%v", causes)
	c = ts.dial(t)
	c.cmd(421, "GET / HTTP/1.1")
	require.ErrorContains(t, cause(3), "another protocol")
}
