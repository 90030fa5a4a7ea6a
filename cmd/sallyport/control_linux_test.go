package main

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// controlled is a server with a control socket.
type controlled struct {
	configured
	socket string
}

// startControlled starts a server for alice with a control socket, in a directory that everybody may enter.
func startControlled(t *testing.T, more ...string) controlled {
	t.Helper()
	dir, err := os.MkdirTemp("", "sallyport-control-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	file, socket := configure(t, alice), filepath.Join(dir, "run", "control.sock")
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append(append(cmd.Args, "--config", file, "--control", socket), more...)
	})
	return controlled{configured{p, file}, socket}
}

// ask runs a command that talks to the server; as may change the user who runs it.
func (c controlled) ask(t *testing.T, as func(*exec.Cmd), args ...string) (out string, status int) {
	t.Helper()
	file, err := binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), file, append(args, "--control", c.socket)...)
	if as != nil {
		as(cmd)
	}
	text, err := cmd.CombinedOutput()
	require.NotNil(t, cmd.ProcessState, "%v", err)
	return string(text), cmd.ProcessState.ExitCode()
}

// told runs a command that has to succeed, and returns the JSON that it prints.
func told[T any](t *testing.T, c controlled, args ...string) (to T) {
	t.Helper()
	out, status := c.ask(t, nil, append(args, "--json")...)
	require.Zero(t, status, out)
	require.NoError(t, json.Unmarshal([]byte(out), &to), out)
	return to
}

// The commands tell the state of the server, to programs and to people.
func TestControlStatus(t *testing.T) {
	c := startControlled(t)
	info, err := os.Stat(c.socket)
	require.NoError(t, err)
	require.Equal(t, os.ModeSocket|0o600, info.Mode())
	client, err := c.dial(t, "alice")
	require.NoError(t, err)
	_, err = client.Cmd(200, "CLNT Pretty \x1b[31mred")
	require.NoError(t, err)
	data, err := client.Open("STOR upload")
	require.NoError(t, err)
	_, err = io.WriteString(data, "first half, ")
	require.NoError(t, err)
	s := told[status](t, c, "status")
	require.Equal(t, c.Process.Pid, s.PID)
	require.Equal(t, "serving", s.State)
	require.Equal(t, c.fact(t, "explicit FTPS"), s.Listeners[0].Address)
	require.Equal(t, []any{1, 1, c.fact(t, "data ports")}, []any{s.Sessions, s.Busy, s.DataPorts})
	require.Equal(t, []string{c.file}, s.Configuration.Files)
	require.Equal(t, c.fact(t, "SHA-256"), s.Certificate.Fingerprint)
	require.True(t, s.Certificate.Expires.After(time.Now()))
	list := told[sessionList](t, c, "sessions").Sessions
	require.Len(t, list, 1)
	require.Equal(t, []string{"alice", "STOR upload", "TLS 1.3"}, []string{list[0].User, list[0].Doing, list[0].TLS})
	require.Nil(t, list[0].IdleSince)
	p := told[portReport](t, c, "ports")
	require.Equal(t, []any{3, uint64(1), uint64(1)}, []any{p.Ports, p.Leased, p.Accepted})

	out, code := c.ask(t, nil, "sessions")
	require.Zero(t, code)
	require.Contains(t, out, "alice")
	require.Contains(t, out, "STOR upload")
	require.NotContains(t, out, "\x1b")
	for _, cmd := range []string{"status", "ports"} {
		out, code := c.ask(t, nil, cmd)
		require.Zero(t, code)
		require.Contains(t, out, c.fact(t, "data ports"))
	}
}

// Names that clients make up can't move the cursor or forge lines or columns.
func TestControlEscapes(t *testing.T) {
	var out strings.Builder
	list := sessionList{Sessions: []session{{ID: "1", User: "a\nb\tc", Client: "\x1b[2J\u202e\u009b", Doing: "RETR \xff \"x\" é"}}}
	list.print(&out, time.Now())
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), `a\nb\tc`)
	require.Contains(t, out.String(), `RETR \xff "x" é`)
	require.Contains(t, out.String(), `\x1b[2J\u202e\u009b`)
}

// A session that is ended by hand gets 421 with the reason; others go on.
func TestControlKick(t *testing.T) {
	c := startControlled(t)
	first, err := c.dial(t, "alice")
	require.NoError(t, err)
	second, err := c.dial(t, "alice")
	require.NoError(t, err)
	list := told[sessionList](t, c, "sessions").Sessions
	require.Len(t, list, 2)
	require.Equal(t, kicked{Sessions: 1, Gone: true}, told[kicked](t, c, "kick", list[0].ID, "--reason", "Enough for today."))
	_, err = first.Cmd(257, "PWD")
	require.ErrorContains(t, err, "421 Enough for today.")
	_, err = second.Cmd(257, "PWD")
	require.NoError(t, err)
	require.Equal(t, kicked{Sessions: 1, Gone: true}, told[kicked](t, c, "kick", "--user", "alice"))
	_, err = second.Cmd(257, "PWD")
	require.ErrorContains(t, err, "421")
	c.wantLog(t, `reason="Enough for today." sessions=1 peer="uid `)
	for _, args := range [][]string{{"kick", list[0].ID}, {"kick", "--user", "bob"}} {
		out, code := c.ask(t, nil, args...)
		require.Equal(t, statusFailed, code, out)
		require.Contains(t, out, "no such session")
	}
	out, code := c.ask(t, nil, "kick", "--user", "alice", "--reason", "a\nb")
	require.Equal(t, statusUsage, code)
	require.Contains(t, out, "control characters")
}

// The command reload prints each mistake.
func TestControlReload(t *testing.T) {
	c := startControlled(t)
	write := func(text string) { require.NoError(t, os.WriteFile(c.file, []byte(text), 0o600)) }
	write("greting = 1\ndrain = \"x\"\n")
	out, code := c.ask(t, nil, "reload")
	require.Equal(t, statusUsage, code, out)
	require.Contains(t, out, "\n"+c.file+":1:1: greting: ")
	require.Contains(t, out, "\n"+c.file+":2:1: drain: ")
	require.NotEmpty(t, told[status](t, c, "status").Configuration.Mistakes)
	out, code = c.ask(t, nil, "reload", "--json")
	require.Equal(t, statusUsage, code)
	var r reloaded
	require.NoError(t, json.Unmarshal([]byte(out), &r), out)
	require.Len(t, r.Mistakes, 2)
	write("active = true\n" + alice + strings.ReplaceAll(alice, "alice", "bob"))
	r = told[reloaded](t, c, "reload")
	require.Equal(t, []any{2, []string{"active"}, []string{}}, []any{r.Users, r.Waiting, r.Mistakes})
	require.Empty(t, told[status](t, c, "status").Configuration.Mistakes)
	_, err := c.dial(t, "bob")
	require.NoError(t, err)
}

// After drain, also if repeated, transfers finish, and the socket tells of them until they have.
func TestControlDrain(t *testing.T) {
	c := startControlled(t)
	client, err := c.dial(t, "alice")
	require.NoError(t, err)
	data, err := client.Open("STOR upload")
	require.NoError(t, err)
	_, err = io.WriteString(data, "first half, ")
	require.NoError(t, err)
	require.Equal(t, drained{1, 1, 30}, told[drained](t, c, "drain"))
	require.Eventually(t, func() bool { return told[status](t, c, "status").State == "draining" }, 10*time.Second, 20*time.Millisecond)
	time.Sleep(oneEnding) // waits until another signal would cut
	told[drained](t, c, "drain")
	out, code := c.ask(t, nil, "reload")
	require.Equal(t, statusFailed, code)
	require.Contains(t, out, "shutting down")
	_, err = io.WriteString(data, "second half")
	require.NoError(t, err)
	require.NoError(t, data.Close())
	require.NoError(t, client.Done())
	require.Zero(t, c.end(t))
	require.NoFileExists(t, c.socket)
	out, code = c.ask(t, nil, "status")
	require.Equal(t, statusUnreachable, code)
	require.Contains(t, out, "is one running")
}

// The socket of a process that was killed is replaced. The socket of a process that lives, or another file, is not.
func TestControlSocketThatIsThere(t *testing.T) {
	c := startControlled(t)
	second := func(socket string) string {
		file, err := binary()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), file, "serve", t.TempDir(), "--config=", "--control", socket, "--listen", "127.0.0.1:0", "--listen-implicit=", "--passive", testenv.FreePortSet(t, 1))
		out, _ := cmd.CombinedOutput()
		require.Equal(t, statusFailed, cmd.ProcessState.ExitCode(), string(out))
		return string(out)
	}
	require.Contains(t, second(c.socket), "--control: another process listens on "+c.socket+"; end it (sallyport drain --control")
	require.Contains(t, second(c.file), "is there and no socket")
	told[status](t, c, "status")
	require.NoError(t, c.Process.Kill())
	c.end(t)
	require.FileExists(t, c.socket)
	out, code := c.ask(t, nil, "status")
	require.Equal(t, statusUnreachable, code, out)
	next := startWith(t, func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--control", c.socket) })
	require.Equal(t, next.Process.Pid, told[status](t, c, "status").PID)
	out, code = c.ask(t, nil, "reload")
	require.Equal(t, statusFailed, code)
	require.Contains(t, out, "no configuration file")
	left, err := os.ReadDir(filepath.Dir(c.socket))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// Other users are kept out by the rights of the socket and, if these were changed, by their UID. Members of the
// group may use it.
func TestControlOfOthers(t *testing.T) {
	testenv.NeedRoot(t)
	nobody := func(gid uint32) func(*exec.Cmd) {
		return func(cmd *exec.Cmd) {
			dir, err := os.MkdirTemp("", "sallyport-client-")
			require.NoError(t, err)
			t.Cleanup(func() { os.RemoveAll(dir) })
			require.NoError(t, os.Chmod(dir, 0o755))
			require.NoError(t, os.Link(cmd.Path, filepath.Join(dir, "sallyport")))
			cmd.Path, cmd.Dir = filepath.Join(dir, "sallyport"), "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: gid}}
		}
	}
	group, err := user.LookupGroup("games")
	if err != nil {
		testenv.Missing(t, "there is no group games: %v", err)
	}
	c := startControlled(t)
	out, code := c.ask(t, nobody(65534), "status")
	require.Equal(t, statusFailed, code, out)
	require.Contains(t, out, "only root")
	require.NoError(t, os.Chmod(c.socket, 0o666))
	out, code = c.ask(t, nobody(65534), "status")
	require.Equal(t, statusFailed, code, out)
	require.Contains(t, out, "uid 65534 may not use this socket")
	c.wantLog(t, `peer="uid 65534" request="GET /v1/status"`)

	c = startControlled(t, "--control-group", "games")
	info, err := os.Stat(c.socket)
	require.NoError(t, err)
	require.Equal(t, os.ModeSocket|0o660, info.Mode())
	require.Equal(t, group.Gid, strconv.Itoa(int(gidOf(info))))
	out, code = c.ask(t, nobody(65534), "status")
	require.Equal(t, statusFailed, code, out)
	out, code = c.ask(t, nobody(gidOf(info)), "status")
	require.Zero(t, code, out)
}

func gidOf(info os.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Gid }

// A client that sends nothing, or reads no answer, holds up no other. Requests are bounded and read strictly.
func TestControlOfBadClients(t *testing.T) {
	c := startControlled(t)
	say := func(text string) net.Conn {
		conn, err := net.Dial("unix", c.socket)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		return conn
	}
	for range 20 {
		say("GET /v1/st")
		say(strings.Repeat("GET /v1/ports HTTP/1.1\r\nHost: x\r\n\r\n", 100))
	}
	told[status](t, c, "status")
	for request, want := range map[string]string{
		`{"user": "alice"} {}`: "400 ", `{"usr": "alice"}`: "400 ", `{}`: "400 ", `{"user": "alice", "session": "1"}`: "400 ",
		`{"user": "nobody"}`: "404 ", `{"user": "` + strings.Repeat("x", controlBody) + `"}`: "400 ",
	} {
		conn := say("")
		go io.WriteString(conn, "POST /v1/kick HTTP/1.0\r\nContent-Length: "+strconv.Itoa(len(request))+"\r\n\r\n"+request)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Contains(t, strings.SplitN(string(answer), "\r\n", 2)[0], want, "%.40s", request)
		require.Contains(t, string(answer), `"error": `)
	}
}

// Requests that there are not are refused as all others are.
func TestControlOfUnknownRequests(t *testing.T) {
	c := startControlled(t)
	for request, want := range map[string]string{"GET /v1/nope": "404 ", "GET /v1/kick": "405 ", "DELETE /v1/status": "405 ", "GET /v2/status": "404 "} {
		conn, err := net.Dial("unix", c.socket)
		require.NoError(t, err)
		_, err = io.WriteString(conn, request+" HTTP/1.0\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		conn.Close()
		head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		require.Contains(t, strings.SplitN(head, "\r\n", 2)[0], want, request)
		var f failure
		require.NoError(t, json.Unmarshal([]byte(body), &f), request)
		require.NotEmpty(t, f.Error)
		require.Contains(t, head, "application/json")
		require.Equal(t, want == "405 ", strings.Contains(head, "Allow: "))
	}
}

// With a configuration file there is a control socket, unless the option names another or none.
func TestUsualControl(t *testing.T) {
	for _, x := range []struct {
		args  string
		path  string
		asked bool
	}{
		{"--config=", "", false}, {"", usualControl, false}, {"--control=", "", true}, {"--control=/x", "/x", true},
	} {
		args := []string{"DIR", "--config", configure(t, alice)}
		if x.args != "" {
			args = append(args, x.args)
		}
		s, err := load("serve", args, nil)
		require.NoError(t, err)
		path, asked := s.controlPath()
		require.Equal(t, []any{x.path, x.asked}, []any{path, asked}, x.args)
	}
}

// A user whom the database of groups has in the group is admitted, like a process that has the group.
func TestControlAdmits(t *testing.T) {
	testenv.NeedRoot(t)
	for _, x := range []struct {
		group int
		peer  peer
		admit bool
	}{
		{-1, peer{0, 0}, true}, {-1, peer{1, 1}, false}, {-1, peer{65534, 0}, false}, {5, peer{54321, 5}, true}, {5, peer{54321, 6}, false}, {7, peer{54321, -1}, false},
	} {
		require.Equal(t, x.admit, (&controlSocket{group: x.group, isMember: isMember}).admits(x.peer), "%+v", x)
	}
	daemon, err := user.Lookup("daemon") // the process has another group
	if err != nil {
		testenv.Missing(t, "there is no user daemon: %v", err)
	}
	uid, err := strconv.Atoi(daemon.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(daemon.Gid)
	require.NoError(t, err)
	require.True(t, (&controlSocket{group: gid, isMember: isMember}).admits(peer{uid, 65534}))
	require.False(t, (&controlSocket{group: gid + 1, isMember: isMember}).admits(peer{uid, 65534}))
}

// Concurrent requests, reloads among them, don't interfere.
func TestControlByMany(t *testing.T) {
	c := startControlled(t)
	var asked sync.WaitGroup
	for i := range 4 {
		asked.Go(func() {
			for range 5 {
				for _, cmd := range []string{"reload", "status", "sessions"}[i%2:] {
					if out, code := c.ask(t, nil, cmd); code != 0 {
						t.Errorf("%s: %d: %s", cmd, code, out)
					}
				}
			}
		})
	}
	for range 10 {
		_, err := c.dial(t, "alice")
		require.NoError(t, err)
	}
	asked.Wait()
	require.NotContains(t, c.log.String(), "DATA RACE")
}

// The curl commands in the documents work as shown.
func TestDocumentedCurl(t *testing.T) {
	testenv.NeedBinary(t, "curl")
	c := startControlled(t)
	_, err := c.dial(t, "alice")
	require.NoError(t, err)
	tried := 0
	for line := range strings.Lines(documents(t)["operating.md"]) {
		if !strings.HasPrefix(line, "curl --unix-socket ") {
			continue
		}
		tried++
		out, err := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, usualControl, c.socket)).Output()
		require.NoError(t, err, line)
		require.Contains(t, string(out), `"sessions": `)
	}
	require.Equal(t, 2, tried)
	require.Eventually(t, func() bool { return told[status](t, c, "status").Sessions == 0 }, 10*time.Second, 20*time.Millisecond)
}
