package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// from connects from an address of this host.
func (p *process) from(t *testing.T, addr, kind string) net.Conn {
	t.Helper()
	conn, err := p.dialFrom(t, addr, kind)
	require.NoError(t, err)
	return conn
}

func (p *process) dialFrom(t *testing.T, addr, kind string) (net.Conn, error) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", p.fact(t, kind+" FTPS"))
	if err == nil {
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	}
	return conn, err
}

// isRefused reports whether a connection from an address is closed without a reply, possibly before the dialler has
// used it.
func (p *process) isRefused(t *testing.T, addr, kind string) bool {
	t.Helper()
	conn, err := p.dialFrom(t, addr, kind)
	if err != nil {
		require.ErrorIs(t, err, syscall.ECONNRESET)
		return true
	}
	n, err := conn.Read(make([]byte, 1))
	return n == 0 && !os.IsTimeout(err)
}

// logIn connects from an address and logs in.
func (p *process) logIn(t *testing.T, addr, user, password string) (*ftpclient.Client, error) {
	t.Helper()
	c := ftpclient.New(p.from(t, addr, "explicit"), p.clientTLS(t))
	_, err := c.Expect(220)
	if err == nil {
		err = c.AuthTLS()
	}
	if err == nil {
		err = c.Login(user, password)
	}
	return c, err
}

// isBanned reports whether connections from an address are closed without a reply, before any TLS.
func (p *process) isBanned(t *testing.T, addr string) bool {
	t.Helper()
	return p.isRefused(t, addr, "explicit") && p.isRefused(t, addr, "implicit")
}

// A ban by hand ends the sessions of the address with 421, and closes connections from there and from nowhere else. It
// can be lifted by hand.
func TestControlBan(t *testing.T) {
	dir := t.TempDir()
	c := startControlled(t, "--state-dir", dir, "--audit-log", filepath.Join(dir, "audit.log"))
	first, err := c.logIn(t, "127.0.0.2", "alice", "secret")
	require.NoError(t, err)
	second, err := c.logIn(t, "127.0.0.3", "alice", "secret")
	require.NoError(t, err)
	b := told[banned](t, c, "ban", "127.0.0.2", "--for", "1h", "--reason", "it scans")
	require.Equal(t, []any{1, true, "127.0.0.2/32", "it scans", false, fmt.Sprint("uid ", os.Getuid())}, []any{b.Sessions, b.Kept, b.Ban.Network.String(), b.Ban.Reason, b.Ban.Automatic, b.Ban.By})
	require.Equal(t, time.Hour, b.Ban.Until.Sub(b.Ban.Since))
	_, err = first.Cmd(257, "PWD")
	require.ErrorContains(t, err, "421 This address may not connect.")
	require.True(t, c.isBanned(t, "127.0.0.2"))
	_, err = second.Cmd(257, "PWD")
	require.NoError(t, err)
	_, err = c.logIn(t, "127.0.0.4", "alice", "secret")
	require.NoError(t, err)
	c.wantLog(t, `msg="a network was banned by hand" network=127.0.0.2/32`)

	b = told[banned](t, c, "ban", "127.0.0.0/29", "--keep-sessions")
	require.Equal(t, []any{0, (*time.Time)(nil)}, []any{b.Sessions, b.Ban.Until})
	require.NoError(t, second.Put("STOR on", "x")) // checks that data ports accept its connections
	require.True(t, c.isBanned(t, "127.0.0.3"))
	list := told[banList](t, c, "bans").Bans
	require.Equal(t, []string{"127.0.0.2/32", "127.0.0.0/29"}, []string{list[0].Network.String(), list[1].Network.String()})
	out, code := c.ask(t, nil, "bans")
	require.Zero(t, code)
	require.Regexp(t, `(?m)^127\.0\.0\.2 .* for 59m\d+s +uid \d+ +it scans$`, out)
	require.Regexp(t, `(?m)^127\.0\.0\.0/29 .* without an end +uid \d+ +-$`, out)

	u := told[unbanned](t, c, "unban", "127.0.0.2")
	require.Equal(t, []any{1, "127.0.0.0/29", true}, []any{len(u.Bans), u.Left, u.Kept})
	out, code = c.ask(t, nil, "unban", "127.0.0.2")
	require.Equal(t, statusFailed, code)
	require.Contains(t, out, "127.0.0.2/32 is banned as part of 127.0.0.0/29; lift that")
	out, code = c.ask(t, nil, "unban", "127.0.0.0/29")
	require.Zero(t, code, out)
	require.Equal(t, "no longer banned: 127.0.0.0/29\n", out)
	out, code = c.ask(t, nil, "unban", "127.0.0.0/29")
	require.Equal(t, statusFailed, code)
	require.Contains(t, out, "is not banned")
	require.False(t, c.isBanned(t, "127.0.0.2"))
	_, err = c.logIn(t, "127.0.0.2", "alice", "secret")
	require.NoError(t, err)

	var said []string
	refused := 0
	for _, a := range auditOf(t, filepath.Join(dir, "audit.log")) {
		switch a["event"] {
		case "ban", "unban":
			said = append(said, a.of("event", "network", "automatic", "reason"))
			require.Equal(t, fmt.Sprint("uid ", os.Getuid()), a["by"])
		case "connection-refused":
			require.Contains(t, a["err"], "banned")
			refused++
		}
	}
	require.Equal(t, []string{"ban 127.0.0.2/32 false it scans", "ban 127.0.0.0/29 false ", "unban 127.0.0.2/32 false it scans", "unban 127.0.0.0/29 false "}, said)
	require.Equal(t, 4, refused)
}

// Refused logins get an address banned, and missing files don't. The ban outlives a restart, and can be lifted by hand.
func TestBanAfterFailures(t *testing.T) {
	dir := t.TempDir()
	more := []string{"--ban-after", "3", "--ban-never", "127.0.0.9", "--state-dir", dir, "--audit-log", filepath.Join(dir, "audit.log")}
	c := startControlled(t, more...)
	good, err := c.logIn(t, "127.0.0.2", "alice", "secret")
	require.NoError(t, err)
	for i := range 5 {
		_, err := good.Cmd(550, fmt.Sprint("SIZE missing", i))
		require.NoError(t, err)
		_, err = good.Get(fmt.Sprint("RETR missing", i))
		require.ErrorContains(t, err, "550")
	}
	for _, addr := range []string{"127.0.0.2", "127.0.0.9"} {
		for i := range 3 {
			require.False(t, c.isBanned(t, addr))
			_, err := c.logIn(t, addr, fmt.Sprint("mallory", i), "wrong")
			require.Error(t, err)
		}
	}
	c.wantLog(t, `level=WARN msg="an address was banned" network=127.0.0.2/32`)
	require.True(t, c.isBanned(t, "127.0.0.2"))
	require.False(t, c.isBanned(t, "127.0.0.9"))
	_, err = good.Cmd(257, "PWD") // still works, since it has logged in
	require.NoError(t, err)
	file := filepath.Join(dir, "bans.json")
	require.Eventually(t, func() bool { kept, err := readBans(file); return err == nil && len(kept) == 1 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, c.Process.Signal(syscall.SIGKILL))
	c.end(t)
	found := false
	for _, a := range auditOf(t, filepath.Join(dir, "audit.log")) {
		found = found || a.of("event", "network", "automatic") == "ban 127.0.0.2/32 true"
	}
	require.True(t, found)

	c = startControlled(t, more...)
	require.True(t, c.isBanned(t, "127.0.0.2"))
	list := told[banList](t, c, "bans").Bans
	require.Len(t, list, 1)
	require.True(t, list[0].Automatic)
	require.Equal(t, "3 refused logins or connections within 10m0s", list[0].Reason)
	told[unbanned](t, c, "unban", "127.0.0.2")
	_, err = c.logIn(t, "127.0.0.2", "alice", "secret")
	require.NoError(t, err)
	c.terminate(t)
	require.Zero(t, c.end(t))
	kept, err := readBans(file)
	require.NoError(t, err)
	require.Empty(t, kept)
}

// Connections beyond the limit of an address get it banned, too.
func TestBanAfterFlood(t *testing.T) {
	p := start(t, "--ban-after", "3", "--max-sessions-per-address", "1")
	c, err := p.logIn(t, "127.0.0.2", p.fact(t, "user"), p.fact(t, "password"))
	require.NoError(t, err)
	for range 3 {
		text, _ := io.ReadAll(p.from(t, "127.0.0.2", "explicit"))
		require.Contains(t, string(text), "421 ")
	}
	require.True(t, p.isBanned(t, "127.0.0.2"))
	require.False(t, p.isBanned(t, "127.0.0.3"))
	_, err = c.Cmd(257, "PWD")
	require.NoError(t, err)
}

// A reload changes the options of bans.
func TestReloadOfBans(t *testing.T) {
	c := startControlled(t)
	told[banned](t, c, "ban", "127.0.0.0/29")
	require.True(t, c.isBanned(t, "127.0.0.2"))
	c.rewrite(t, "ban-never = [\"127.0.0.2\"]\nban-after = 1\n"+alice, reread)
	require.False(t, c.isBanned(t, "127.0.0.2"))
	require.True(t, c.isBanned(t, "127.0.0.3"))
	out, code := c.ask(t, nil, "ban", "127.0.0.2")
	require.Equal(t, statusFailed, code)
	require.Contains(t, out, "ban-never has 127.0.0.2/32")
	_, err := c.logIn(t, "127.0.0.10", "mallory", "wrong")
	require.Error(t, err)
	c.wantLog(t, `network=127.0.0.10/32`)
	out, code = c.ask(t, nil, "ban", "127.0.0.11")
	require.Zero(t, code)
	require.Contains(t, out, "a restart forgets that") // there is no state-dir
}

// A damaged file of bans keeps the server from starting, and config check reports it, too.
func TestBadBansFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bans.json"), []byte(`{"version": 1, "bans": [`), 0o600))
	config := configure(t, fmt.Sprintf("state-dir = %q\n", dir)+alice)
	file, err := binary()
	require.NoError(t, err)
	for _, args := range [][]string{{"serve", t.TempDir(), "--listen", "127.0.0.1:0", "--listen-implicit="}, {"config", "check", t.TempDir()}} {
		cmd := exec.CommandContext(t.Context(), file, append(args, "--config", config, "--control=")...)
		cmd.Env = []string{}
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), config+":1:1: state-dir: "+dir+"/bans.json can't be used: ")
		require.Contains(t, string(out), "remove the file")
	}
}

// Behind a load balancer the address in the PROXY header counts. A connection without a header is refused, as the audit
// log tells.
func TestBanBehindProxy(t *testing.T) {
	audit := filepath.Join(t.TempDir(), "audit.log")
	c := startControlled(t, "--proxy-protocol", "127.0.0.5", "--audit-log", audit)
	told[banned](t, c, "ban", "198.51.100.0/24")
	greeted := func(client string) bool {
		conn := c.from(t, "127.0.0.5", "explicit")
		_, err := fmt.Fprintf(conn, "PROXY TCP4 %s 127.0.0.1 4711 21\r\n", client)
		require.NoError(t, err)
		n, err := conn.Read(make([]byte, 1))
		require.False(t, os.IsTimeout(err))
		return n > 0
	}
	require.False(t, greeted("198.51.100.7"))
	require.True(t, greeted("203.0.113.7"))
	require.True(t, c.isRefused(t, "127.0.0.6", "explicit"))
	c.terminate(t)
	require.Zero(t, c.end(t))
	var refused []string
	for _, a := range auditOf(t, audit) {
		if host, _, err := net.SplitHostPort(fmt.Sprint(a["peer"])); err == nil && a["event"] == "connection-refused" && host != "127.0.0.1" { // leaves out those of the test itself, which waits for the end
			refused = append(refused, host)
		}
	}
	require.Equal(t, []string{"198.51.100.7", "127.0.0.6"}, refused)
}

// A state directory serves one server. A second one fails to start with the place of the option, and can start once the
// first has ended in any way.
func TestStateIsLocked(t *testing.T) {
	dir := t.TempDir()
	config := configure(t, fmt.Sprintf("\nstate-dir = %q\n", dir)+alice)
	start := func() *process {
		return startWith(t, func(cmd *exec.Cmd) {
			cmd.Args = append(cmd.Args, "--config", config, "--control=")
			cmd.Env = []string{"TMPDIR=" + t.TempDir()}
		})
	}
	first := start()
	file, err := binary()
	require.NoError(t, err)
	second := exec.CommandContext(t.Context(), file, "serve", t.TempDir(), "--config", config, "--listen", "127.0.0.1:0", "--listen-implicit=", "--control=")
	second.Env = []string{}
	out, err := second.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), fmt.Sprintf("%s:2:1: state-dir: %s is in use by another server, process %d; give each server a directory of its own", config, dir, first.Process.Pid))
	require.NoError(t, first.Process.Kill())
	first.end(t)
	start()
}
