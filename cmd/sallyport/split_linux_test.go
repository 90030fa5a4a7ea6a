package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdtls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	numbers "math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/hand"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
)

// System users of these tests, which no host has.
const (
	engineUID = 20000
	aliceUID  = 20001
	bobUID    = 20002
)

// splitServer is a split server with the users alice and bob, who have different homes and system users.
type splitServer struct {
	controlled
	homes string
}

// startSplit starts a split server. more are options for the file, and ports the number of data ports.
func startSplit(t testing.TB, more string, ports int) *splitServer {
	t.Helper()
	return startSplitWith(t, more, ports, func(*exec.Cmd) {})
}

// startSplitWith is startSplit with a command that change changes first.
func startSplitWith(t testing.TB, more string, ports int, change func(*exec.Cmd)) *splitServer {
	t.Helper()
	testenv.NeedRoot(t)
	homes, err := os.MkdirTemp("", "sallyport-split-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(homes) })
	require.NoError(t, os.Chmod(homes, 0o755))
	for name, uid := range map[string]int{"alice": aliceUID, "bob": bobUID, "shared": 0} {
		dir := filepath.Join(homes, name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.Chown(dir, uid, uid))
	}
	require.NoError(t, os.Chmod(filepath.Join(homes, "shared"), 0o777))
	s := &splitServer{homes: homes}
	s.file = configure(t, s.text(more))
	s.socket = filepath.Join(homes, "run", "control.sock")
	s.process = startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--config", s.file, "--control", s.socket, "--passive", testenv.FreePortSet(t, ports))
		cmd.Env = append(cmd.Env, "SECRET_OF_THE_KEEPER=1")
		change(cmd)
	})
	return s
}

// startWhole starts the server of startSplit in one process, without bob. more is added to the table of alice.
func startWhole(t testing.TB, more string) *splitServer {
	t.Helper()
	return startWholeWith(t, more, func(*exec.Cmd) {})
}

// startWholeWith is startWhole with a command that change changes first.
func startWholeWith(t testing.TB, more string, change func(*exec.Cmd)) *splitServer {
	t.Helper()
	s := &splitServer{homes: t.TempDir()}
	home := filepath.Join(s.homes, "alice")
	require.NoError(t, os.Mkdir(home, 0o755))
	s.file = configure(t, fmt.Sprintf("%shome = %q\n%s", alice, home, more))
	s.process = startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--config", s.file, "--control=", "--passive", testenv.FreePortSet(t, 20))
		change(cmd)
	})
	return s
}

// text returns the configuration, with more options, and tables added to the end.
func (s *splitServer) text(more string, tables ...string) string {
	text := "run-as = \"20000:20000\"\n" + more + "\n"
	for _, name := range []string{"alice", "bob"} {
		uid := map[string]int{"alice": aliceUID, "bob": bobUID}[name]
		text += fmt.Sprintf("[user.%s]\npassword = %q\nhome = %q\nsystem-user = \"%d:%d\"\n", name, hash, filepath.Join(s.homes, name), uid, uid)
	}
	return text + strings.Join(tables, "")
}

// processes returns the parts by name; the name of a hand has its user behind it. If two have one name, the older one
// is about to end.
func (s *splitServer) processes(t *testing.T) map[string]systemProcess {
	t.Helper()
	all := map[string]systemProcess{}
	for _, p := range told[status](t, s.controlled, "status").Processes {
		name := p.Part
		if p.Part == partHand {
			name += fmt.Sprint(" ", p.UID)
		}
		if p.PID > all[name].PID {
			all[name] = p
		}
	}
	return all
}

// mustDial logs in.
func (s *splitServer) mustDial(t testing.TB, user string) *ftpclient.Client {
	t.Helper()
	c, err := s.dial(t, user)
	require.NoError(t, err)
	return c
}

// dialAgain logs in as soon as the server accepts logins again.
func (s *splitServer) dialAgain(t *testing.T, user string) (c *ftpclient.Client) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		c, err = s.dial(t, user)
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return c
}

// of returns the content of a file of a process in /proc.
func of(t *testing.T, pid int, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	t.Fatalf("no %s in\n%s", name, text)
	return ""
}

// openSockets counts the sockets of a process.
func openSockets(t *testing.T, pid int) (n int) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	for _, link := range links {
		if target, _ := os.Readlink(link); strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// Files are touched with the rights of the user who has logged in, and processes that clients reach have no rights.
func TestSplit(t *testing.T) {
	s := startSplit(t, "allow-symlink = true", 3)
	require.Equal(t, 3, len(s.processes(t))-1, "no hand without a session")
	clients := map[int]*ftpclient.Client{aliceUID: s.mustDial(t, "alice"), bobUID: s.mustDial(t, "bob")}
	for uid, c := range clients {
		require.NoError(t, c.Put("STOR file", fmt.Sprint(uid)))
		_, err := c.Cmd(257, "MKD dir")
		require.NoError(t, err)
		for _, name := range []string{"file", "dir"} {
			info, err := os.Stat(filepath.Join(s.homes, map[int]string{aliceUID: "alice", bobUID: "bob"}[uid], name))
			require.NoError(t, err)
			require.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Uid)
			require.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Gid)
		}
		got, err := c.Get("RETR file")
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(uid), got)
		got, err = c.Get("MLSD")
		require.NoError(t, err)
		require.Contains(t, got, " file\r\n")
	}
	all := s.processes(t)
	require.Equal(t, s.Process.Pid, all["keeper"].PID)
	for name, uid := range map[string]int{"keeper": 0, "signer": engineUID, "clerk": engineUID, "engine": engineUID, "hand 20001": aliceUID, "hand 20002": bobUID} {
		p, ok := all[name]
		require.True(t, ok, name)
		want := fmt.Sprint(uid)
		require.Equal(t, strings.Join([]string{want, want, want, want}, " "), of(t, p.PID, "Uid"), name)
		require.Equal(t, uid, p.UID)
		memory, err := os.Stat(fmt.Sprintf("/proc/%d/mem", p.PID))
		require.NoError(t, err)
		require.Zero(t, memory.Sys().(*syscall.Stat_t).Uid, "processes of the same user can't read the memory of the %s", name)
		if name == "keeper" {
			continue
		}
		exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", p.PID))
		require.NoError(t, err)
		require.EqualValues(t, 0o111, exe.Mode().Perm(), "which keeps the memory of the %s closed from the first moment on", name)
		require.Equal(t, want, of(t, p.PID, "Gid")[:len(want)])
		require.Empty(t, of(t, p.PID, "Groups"), name)
		require.Equal(t, "0000000000000000", of(t, p.PID, "CapEff"), name)
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		require.NoError(t, err)
		require.NotContains(t, string(environ), "SECRET", name)
		if name != "engine" { // the engine has the sockets of clients
			want := map[string]int{"signer": 2, "clerk": 1, "hand 20001": 2, "hand 20002": 2}[name]
			require.Equal(t, want, openSockets(t, p.PID), "the %s has no more sockets than to keeper and engine", name)
		}
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.PID))
		require.NoError(t, err)
		require.Regexp(t, `Max core file size +0 +0`, string(limits))
	}
	out, code := s.ask(t, nil, "status")
	require.Zero(t, code)
	require.Regexp(t, `hand +process \d+ of user 20001 `+s.homes+"/alice \\(.+\\)\n", out)
	require.Equal(t, 2, all["keeper"].UID+len(told[sessionList](t, s.controlled, "sessions").Sessions))

	_, err := s.dial(t, "nobody")
	require.ErrorContains(t, err, "530")
	_, err = ftpclient.Dial(s.fact(t, "explicit FTPS"), false, s.clientTLS(t), "alice", "wrong")
	require.ErrorContains(t, err, "530")
	_, err = clients[aliceUID].Cmd(200, "SITE CHMOD 600 file")
	require.NoError(t, err)
}

// New files and directories have the rights that the account's umask leaves, whatever the umask of the server is.
func TestUmask(t *testing.T) {
	const line = "umask = \"007\"\n"
	split := startSplit(t, "", 3)
	split.rewrite(t, split.text("", line), reread)
	whole := startWhole(t, line)
	for user, s := range map[string]*splitServer{"bob": split, "alice": whole} {
		c := s.mustDial(t, user)
		for name, size := range map[string]int{"small": 10, "big": 100_000} {
			require.NoError(t, c.Put("STOR "+name, strings.Repeat("x", size)))
			info, err := os.Stat(filepath.Join(s.homes, user, name))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o660), info.Mode(), user)
		}
		_, err := c.Cmd(257, "MKD dir")
		require.NoError(t, err)
		info, err := os.Stat(filepath.Join(s.homes, user, "dir"))
		require.NoError(t, err)
		require.Equal(t, os.ModeDir|0o770, info.Mode(), user)
	}
}

// In a directory of two users the system decides who may read what, by whichever command.
func TestSplitSharedHome(t *testing.T) {
	s := startSplit(t, "allow-symlink = true", 3)
	shared := strings.NewReplacer(filepath.Join(s.homes, "alice"), filepath.Join(s.homes, "shared"), filepath.Join(s.homes, "bob"), filepath.Join(s.homes, "shared"))
	s.rewrite(t, shared.Replace(s.text("")), reread)
	a, b := s.mustDial(t, "alice"), s.mustDial(t, "bob")
	require.NoError(t, a.Put("STOR private", "hers"))
	_, err := a.Cmd(200, "SITE CHMOD 600 private")
	require.NoError(t, err)
	_, err = b.Cmd(200, "SITE SYMLINK private link")
	require.NoError(t, err)
	for _, name := range []string{"private", "link"} {
		_, err = b.Get("RETR " + name)
		require.ErrorContains(t, err, "550")
	}
	_, err = b.Cmd(550, "SITE CHMOD 666 private")
	require.NoError(t, err)
	got, err := a.Get("RETR link")
	require.NoError(t, err)
	require.Equal(t, "hers", got)
}

// A home that the system user may not enter is logged, and the client learns nothing.
func TestSplitHomeOfAnother(t *testing.T) {
	s := startSplit(t, "", 3)
	require.NoError(t, os.Chown(filepath.Join(s.homes, "alice"), bobUID, bobUID))
	_, err := s.dial(t, "alice")
	require.ErrorContains(t, err, "530")
	s.wantLog(t, "the home of the user can't be used")
	s.wantLog(t, "permission denied")
	require.NoError(t, os.Chown(filepath.Join(s.homes, "alice"), aliceUID, aliceUID))
	s.mustDial(t, "alice")
}

// The tables of users hold as in a server of one process.
func TestSplitAccounts(t *testing.T) {
	s := startSplit(t, "", 3)
	s.rewrite(t, s.text("", "quota = \"10 B\"\nhidden = [\"*.key\"]\ndisable = [\"DELE\"]\n"), reread) // in the table of bob
	b := s.mustDial(t, "bob")
	require.NoError(t, b.Put("STOR a", "12345678"))
	require.ErrorContains(t, b.Put("STOR b", "123"), "552")
	require.Error(t, b.Put("STOR x.key", "1"))
	_, err := b.Cmd(502, "DELE a")
	require.NoError(t, err)
	again := s.mustDial(t, "bob")
	require.ErrorContains(t, again.Put("STOR c", "123"), "552")
	s.rewrite(t, s.text("", "read-only = true\nexpires = 2020-01-01\n"), reread)
	_, err = s.dial(t, "bob")
	require.ErrorContains(t, err, "This account has expired.")
	s.rewrite(t, s.text("", "read-only = true\n"), reread)
	require.ErrorContains(t, s.mustDial(t, "bob").Put("STOR a", "1"), "550")
}

// config check reports a home that its system user can't enter, although root can.
func TestSplitConfigCheck(t *testing.T) {
	s := startSplit(t, "", 3)
	got := output(t, "config", "check", s.homes, "--config", s.file, "--control=")
	require.NotContains(t, got, "can't log in")
	require.NotContains(t, got, "run-as")
	require.NoError(t, os.Chown(filepath.Join(s.homes, "bob"), aliceUID, aliceUID))
	got = output(t, "config", "check", s.homes, "--config", s.file, "--control=")
	require.Regexp(t, `unwise: .*sallyport.toml:\d+:1: user bob can't log in, for system-user 20002:20002 doesn't get in: .*permission denied`, got)
	require.NotContains(t, got, "user alice can't")
	require.Zero(t, os.Geteuid())
	require.NoError(t, os.Chmod(filepath.Join(s.homes, "bob"), 0o750))
	require.NoError(t, identity{uid: bobUID, gid: bobUID, groups: []int{aliceUID}}.try(func() error { return openable(filepath.Join(s.homes, "bob")) }))
}

// Both ways to reload change what new logins get and end no session; whoever asks is told of mistakes.
func TestSplitReload(t *testing.T) {
	s := startSplit(t, "", 3)
	a := s.mustDial(t, "alice")
	carol := fmt.Sprintf("[user.carol]\npassword = %q\nhome = %q\nsystem-user = \"20003:20003\"\n", hash, filepath.Join(s.homes, "shared"))
	_, err := s.dial(t, "carol")
	require.ErrorContains(t, err, "530")
	s.rewrite(t, s.text("greeting = \"Hello\"\ndisable = [\"SIZE\"]", carol), reread)
	c := s.mustDial(t, "carol")
	require.NoError(t, c.Put("STOR hers", "x"))
	info, err := os.Stat(filepath.Join(s.homes, "shared", "hers"))
	require.NoError(t, err)
	require.EqualValues(t, 20003, info.Sys().(*syscall.Stat_t).Uid)
	_, err = c.Cmd(502, "SIZE hers")
	require.NoError(t, err)
	_, err = a.Cmd(550, "SIZE x")
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(s.file, []byte(s.text("greting = \"x\"\nuid-min = 20003")), 0o600))
	out, code := s.ask(t, nil, "reload")
	require.Equal(t, statusUsage, code)
	require.Contains(t, out, "did you mean greeting?")
	require.Contains(t, out, `"20001:20001" has the number 20001, below`)
	s.mustDial(t, "carol")
	for _, change := range []*strings.Replacer{strings.NewReplacer("run-as = \"20000", "run-as = \"20004"), strings.NewReplacer("run-as", "#", "system-user", "#")} {
		require.NoError(t, os.WriteFile(s.file, []byte(change.Replace(s.text("", carol))), 0o600))
		out, code = s.ask(t, nil, "reload")
		require.Equal(t, statusUsage, code)
		require.Contains(t, out, `the processes are those of "20000:20000" already`)
	}
	s.mustDial(t, "carol")
	require.NoError(t, os.WriteFile(s.file, []byte(s.text("")), 0o600))
	out, code = s.ask(t, nil, "reload")
	require.Zero(t, code, out)
	_, err = s.dial(t, "carol")
	require.ErrorContains(t, err, "530")
	require.NoError(t, c.Put("STOR hers", "still"))
}

// Killing a part ends only what depended on it: clients get a clear reply, old files stay as they were, no half file
// is left, ports stay open, and soon everything works again.
func TestSplitDeaths(t *testing.T) {
	s := startSplit(t, "", 3)
	old := filepath.Join(s.homes, "alice", "upload")
	for range 2 {
		for _, name := range []string{"hand 20001", "signer", "clerk", "engine"} {
			c := s.dialAgain(t, "alice")
			require.NoError(t, c.Put("STOR upload", "the old one"))
			bob := s.mustDial(t, "bob")
			data, err := c.Open("STOR upload")
			require.NoError(t, err)
			_, err = io.WriteString(data, "first half, ")
			require.NoError(t, err)
			before := s.processes(t)
			require.NoError(t, syscall.Kill(before[name].PID, syscall.SIGKILL))
			for _, addr := range []string{"explicit FTPS", "implicit FTPS"} {
				conn, err := net.Dial("tcp", s.fact(t, addr))
				require.NoError(t, err, "the ports stay bound")
				conn.Close()
			}
			want := "the old one"
			switch name {
			case "signer", "clerk": // on which no transfer hangs, and who comes waits for the next one
				s.mustDial(t, "bob")
				_, err = io.WriteString(data, "second half")
				require.NoError(t, err)
				require.NoError(t, data.Close())
				require.NoError(t, c.Done())
				want = "first half, second half"
			case "engine":
				_, err = c.ReadReply()
				require.Error(t, err)
			default:
				reply, err := c.ReadReply()
				for err == nil && reply.Code != 421 {
					require.Equal(t, 426, reply.Code, reply.String())
					reply, err = c.ReadReply()
				}
				require.NoError(t, err)
				require.Contains(t, reply.Text(), hand.ErrGone.Text)
			}
			if name != "engine" {
				_, err = bob.Get("NLST")
				require.NoError(t, err, "others notice nothing")
			}
			again := s.dialAgain(t, "alice")
			got, err := again.Get("RETR upload")
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Eventually(t, func() bool {
				entries, err := os.ReadDir(filepath.Dir(old))
				require.NoError(t, err)
				return len(entries) == 1
			}, time.Minute, 10*time.Millisecond, "nothing is left over")
			require.Eventually(t, func() bool {
				p, ok := s.processes(t)[name]
				return ok && p.PID != before[name].PID
			}, time.Minute, 10*time.Millisecond)
			require.Equal(t, before["keeper"], s.processes(t)["keeper"])
		}
	}
}

// A part that is killed again and again is started at once each time: clients that come meanwhile wait for it, and none
// is turned away.
func TestSplitKilledOften(t *testing.T) {
	s := startSplit(t, "", 3)
	for _, name := range []string{partSigner, partClerk} {
		for range 12 {
			s.mustDial(t, "bob")
			require.NoError(t, syscall.Kill(s.processes(t)[name].PID, syscall.SIGKILL))
			s.mustDial(t, "bob")
		}
	}
}

// The wait before a start grows for a part that ends by itself or has never worked, and only for that.
func TestRestarts(t *testing.T) {
	for _, c := range []struct {
		name           string
		lived          time.Duration
		worked, killed bool
		want           []time.Duration
	}{
		{"ends by itself", time.Second, true, false, []time.Duration{restartFirst, 2 * restartFirst, 4 * restartFirst}},
		{"is killed before it works", time.Second, false, true, []time.Duration{restartFirst, 2 * restartFirst, 4 * restartFirst}},
		{"is killed", restartApart, true, true, []time.Duration{restartFirst, restartFirst, restartFirst}},
		{"is killed all the time", 0, true, true, []time.Duration{restartApart, restartApart, restartApart}},
		{"lives well", livesWell + 1, true, false, []time.Duration{restartFirst, restartFirst, restartFirst}},
	} {
		var r restarts
		for _, want := range c.want {
			require.Equal(t, want, r.after(c.lived, c.worked, c.killed), c.name)
		}
		for range 20 {
			r.after(c.lived, c.worked, c.killed)
		}
		require.LessOrEqual(t, r.after(c.lived, c.worked, c.killed), restartLast, c.name)
	}
	r := restarts{restartLast}
	r.after(0, true, true)
	require.Equal(t, restartFirst, r.after(0, true, false), "whoever worked begins anew")
}

// gone waits until processes have ended.
func gone(t *testing.T, all map[string]systemProcess) {
	t.Helper()
	for name, p := range all {
		require.Eventually(t, func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
			return err != nil || bytes.Contains(stat, []byte(") Z ")) // a zombie, if no init process waits for it
		}, time.Minute, 10*time.Millisecond, "%s %d", name, p.PID)
	}
}

// All parts end with the keeper, even a part that was stopped.
func TestSplitKeeperKilled(t *testing.T) {
	s := startSplit(t, "", 3)
	s.mustDial(t, "alice")
	all := s.processes(t)
	require.Len(t, all, 5)
	testenv.Stop(t, all["hand 20001"].PID)
	require.NoError(t, s.Process.Kill())
	gone(t, all)
}

// A signal lets transfers finish, and a second one cuts them.
func TestSplitDrains(t *testing.T) {
	for _, cut := range []bool{false, true} {
		s := startSplit(t, "", 3)
		c := s.mustDial(t, "alice")
		data, err := c.Open("STOR upload")
		require.NoError(t, err)
		_, err = io.WriteString(data, "first half, ")
		require.NoError(t, err)
		all := s.processes(t)
		for _, p := range all { // signals all processes, as a supervisor does
			require.NoError(t, syscall.Kill(p.PID, syscall.SIGTERM))
		}
		s.wantLog(t, "shutting down: 1 of 1 sessions are busy")
		if cut {
			time.Sleep(oneEnding + 100*time.Millisecond)
			s.terminate(t)
			require.Equal(t, statusFailed, s.end(t))
			require.Contains(t, s.log.String(), "stopped before all transfers were over")
			require.NoFileExists(t, filepath.Join(s.homes, "alice", "upload"))
		} else {
			_, err = io.WriteString(data, "second half")
			require.NoError(t, err)
			require.NoError(t, data.Close())
			require.NoError(t, c.Done())
			require.Zero(t, s.end(t))
			got, err := os.ReadFile(filepath.Join(s.homes, "alice", "upload"))
			require.NoError(t, err)
			require.Equal(t, "first half, second half", string(got))
		}
		gone(t, all)
		require.NoFileExists(t, s.socket)
		entries, err := os.ReadDir(filepath.Join(s.homes, "alice"))
		require.NoError(t, err)
		require.LessOrEqual(t, len(entries), 1)
	}
}

// When a user stops his own hand, other users notice nothing, and the server can still end.
func TestSplitHandStopped(t *testing.T) {
	s := startSplit(t, "drain = \"1s\"", 3)
	c := s.mustDial(t, "alice")
	data, err := c.Open("STOR upload")
	require.NoError(t, err)
	_, err = io.WriteString(data, "half")
	require.NoError(t, err)
	all := s.processes(t)
	testenv.Stop(t, all["hand 20001"].PID)
	require.NoError(t, c.Send("STAT"))
	require.NoError(t, data.Close())
	require.NoError(t, s.mustDial(t, "bob").Put("STOR x", "y"))
	all = s.processes(t)
	s.terminate(t)
	require.Equal(t, statusFailed, s.end(t))
	gone(t, all)
	require.NoFileExists(t, filepath.Join(s.homes, "alice", "upload"))
}

// When a hand is killed during a command, nobody knows what it has done: the reply says so, and not that it failed.
func TestSplitHandKilledInACommand(t *testing.T) {
	s := startSplit(t, "", 3)
	for _, command := range []string{"COMB b a", "SITE CPTO b", "DELE b", "RNTO c", "MKD d"} {
		c := s.mustDial(t, "alice")
		require.NoError(t, c.Put("STOR a", "one"))
		require.NoError(t, c.Put("STOR b", "two"))
		switch command {
		case "SITE CPTO b":
			_, err := c.Cmd(350, "SITE CPFR a")
			require.NoError(t, err)
		case "RNTO c":
			_, err := c.Cmd(350, "RNFR a")
			require.NoError(t, err)
		}
		its := s.processes(t)["hand 20001"].PID
		testenv.Stop(t, its)
		require.NoError(t, c.Send(command))
		time.Sleep(100 * time.Millisecond) // most likely the hand has the command by then; the reply is 421 in any case
		require.NoError(t, syscall.Kill(its, syscall.SIGKILL))
		reply, err := c.ReadReply()
		require.NoError(t, err)
		require.Equal(t, 421, reply.Code, "%s: %s", command, reply)
		require.Contains(t, reply.Text(), "may be done or not")
		s.dialAgain(t, "alice")
	}
}

// The keeper carries out the drain that the control socket asks for.
func TestSplitDrainByHand(t *testing.T) {
	s := startSplit(t, "", 3)
	_, code := s.ask(t, nil, "drain")
	require.Zero(t, code)
	require.Zero(t, s.end(t))
}

// writeCertificate writes a certificate for localhost that is its own authority, and a key that only root may read.
func writeCertificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: numbers.NewInt(time.Now().UnixNano()), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{key: {Type: "PRIVATE KEY", Bytes: pkcs8}, cert: {Type: "CERTIFICATE", Bytes: der}} {
		require.NoError(t, os.WriteFile(name+".new", pem.EncodeToMemory(block), 0o600))
		require.NoError(t, os.Rename(name+".new", name))
	}
}

// A renewed certificate is soon shown, a session goes on, and only root can read the key.
func TestSplitRenewal(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key)
	s := startSplit(t, fmt.Sprintf("cert = %q\nkey = %q", cert, key), 3)
	first := told[status](t, s.controlled, "status").Certificate.Fingerprint
	c := s.mustDial(t, "alice")
	writeCertificate(t, cert, key)
	require.Eventually(t, func() bool {
		return told[status](t, s.controlled, "status").Certificate.Fingerprint != first
	}, time.Minute, 20*time.Millisecond)
	require.NoError(t, c.Put("STOR old", "session"))
	s.mustDial(t, "alice") // trusts the renewed one
	for _, name := range []string{"signer", "engine"} {
		pid := s.processes(t)[name].PID
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		s.dialAgain(t, "alice")
	}
}

// Several sessions share one data port by resuming TLS, as in one process, and common clients can transfer.
func TestSplitOnePort(t *testing.T) {
	s := startSplit(t, "", 1)
	a, b := s.mustDial(t, "alice"), s.mustDial(t, "bob")
	first, err := a.Open("STOR x")
	require.NoError(t, err)
	second, err := b.Open("STOR x")
	require.NoError(t, err)
	for name, data := range map[string]net.Conn{"alice": first, "bob": second} {
		_, err = io.WriteString(data, name)
		require.NoError(t, err)
		require.NoError(t, data.Close())
	}
	require.NoError(t, a.Done())
	require.NoError(t, b.Done())
	for _, name := range []string{"alice", "bob"} {
		got, err := os.ReadFile(filepath.Join(s.homes, name, "x"))
		require.NoError(t, err)
		require.Equal(t, name, string(got))
	}

	curl := testenv.NeedBinary(t, "curl")
	big := filepath.Join(t.TempDir(), "big")
	require.NoError(t, os.WriteFile(big, bytes.Repeat([]byte("0123456789abcdef"), 1<<16), 0o600))
	_, port, err := net.SplitHostPort(s.fact(t, "implicit FTPS"))
	require.NoError(t, err)
	ca := []string{"--silent", "--show-error", "--cacert", s.fact(t, "certificate"), "--user", "alice:secret"}
	url := "ftps://localhost:" + port + "/big"
	out, err := exec.CommandContext(t.Context(), curl, append(ca, "--upload-file", big, url)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.CommandContext(t.Context(), curl, append(ca, url)...).CombinedOutput()
	require.NoError(t, err)
	want, err := os.ReadFile(big)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, out), "%d bytes of %d", len(out), len(want))
}

// The keeper opens ports for the engine also if the system chooses them, and behind load balancers that send PROXY
// headers.
func TestSplitOtherPorts(t *testing.T) {
	s := startSplit(t, "", 3)
	s.terminate(t)
	require.Zero(t, s.end(t))
	again := func(more string) configured {
		file := configure(t, s.text("passive = \"any\"\n"+more))
		return configured{startWith(t, func(cmd *exec.Cmd) {
			cmd.Args = []string{cmd.Args[0], "serve", cmd.Args[2], "--listen", "127.0.0.1:0", "--listen-implicit", "127.0.0.1:0", "--config", file, "--control="}
		}), file}
	}
	c, err := again("").dial(t, "alice")
	require.NoError(t, err)
	require.NoError(t, c.Put("STOR any", "port"))

	s = startSplit(t, "proxy-protocol = [\"127.0.0.1\"]", 2)
	_, err = s.dial(t, "alice")
	require.Error(t, err)
	_, control, err := net.SplitHostPort(s.fact(t, "explicit FTPS"))
	require.NoError(t, err)
	forward(t, control)
	forward(t, s.fact(t, "data ports"))
	c, err = ftpclient.Dial(net.JoinHostPort("127.0.0.9", control), false, s.clientTLS(t), "alice", "secret")
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Put("STOR proxied", "x"))
	require.Contains(t, told[sessionList](t, s.controlled, "sessions").Sessions[0].Peer, "198.51.100.7:")
}

// The engine verifies client certificates, and the keeper compares the names in them.
func TestSplitClientCertificates(t *testing.T) {
	cert, file := clientCertificate(t, "alice")
	s := startSplit(t, fmt.Sprintf("client-ca = %q", file), 3)
	s.rewrite(t, strings.ReplaceAll(s.text(fmt.Sprintf("client-ca = %q", file)), "system-user", "require-certificate = true\nsystem-user"), reread)
	with := func(user string, certs ...stdtls.Certificate) error {
		config := s.clientTLS(t)
		config.Certificates = certs
		c, err := ftpclient.Dial(s.fact(t, "explicit FTPS"), false, config, user, "secret")
		if err == nil {
			c.Close()
		}
		return err
	}
	require.NoError(t, with("alice", cert))
	require.ErrorContains(t, with("alice"), "530")
	require.ErrorContains(t, with("bob", cert), "530")
}

// A certificate alone logs in the user that it names, if the user's table says so, and nobody else.
func TestSplitCertificateLogin(t *testing.T) {
	cert, file := clientCertificate(t, "alice")
	s := startSplit(t, fmt.Sprintf("client-ca = %q", file), 3)
	text := s.text(fmt.Sprintf("client-ca = %q", file))
	s.rewrite(t, strings.Replace(text, "system-user", "certificate-login = true\nsystem-user", 1), reread)
	for user, code := range map[string]int{"alice": 232, "bob": 331} {
		conn, err := ftpclient.DialTCP(s.fact(t, "explicit FTPS"))
		require.NoError(t, err)
		defer conn.Close()
		config := s.clientTLS(t)
		config.Certificates = []stdtls.Certificate{cert}
		c := ftpclient.New(conn, config)
		_, err = c.Expect(220)
		require.NoError(t, err)
		require.NoError(t, c.AuthTLS())
		_, err = c.Cmd(code, "USER "+user)
		require.NoError(t, err)
	}
}

// For the engine the keeper opens only data ports.
func TestSplitPorts(t *testing.T) {
	ports, err := passive.Range("21000-21010,!21005")
	require.NoError(t, err)
	k := &keeper{daemon: &daemon{ports: ports}}
	for _, address := range []string{":21000", "127.0.0.1:21010", "[::1]:21001", "[fe80::1%lo]:21001"} {
		require.NoError(t, k.mayOpen("tcp", address), address)
	}
	for _, address := range []string{"", ":0", ":22", ":21005", ":21011", "example.com:21000", "127.0.0.1:ftp", "/tmp/x", "127.0.0.1"} {
		require.Error(t, k.mayOpen("tcp", address), address)
	}
	require.Error(t, k.mayOpen("unix", ":21000"))
	require.Error(t, k.mayOpen("udp", ":21000"))
	k.ports = passive.Any()
	require.NoError(t, k.mayOpen("tcp", ":0"))
	require.Error(t, k.mayOpen("tcp", ":22"))
}

// Only root can split a server, and nobody starts a part by hand.
func TestSplitRefused(t *testing.T) {
	testenv.NeedRoot(t)
	file, err := binary()
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Dir(file), 0o755))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, "serve", "/", "--config=", "--listen", "127.0.0.1:0", "--listen-implicit=", "--passive", "any", "--run-as", "20000:20000", "--system-user", "20001:20001")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 20005, Gid: 20005}}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "by root only")
	for _, args := range [][]string{{"part"}, {"part", "engine"}, {"part", "hand"}, {"part", "nothing"}} {
		out, err := exec.CommandContext(ctx, file, args...).CombinedOutput()
		require.Error(t, err, args)
		require.Regexp(t, "sallyport starts its parts itself|no such part", string(out))
	}
}

// A name that can't be a system user is reported with its place before anything starts.
func TestSplitMistakes(t *testing.T) {
	for text, want := range map[string]string{
		alice:                                                                                        "",
		"sandbox = \"off\"\n" + alice:                                                                `sallyport.toml:1:1: sandbox needs --run-as`,
		"sandbox = \"on\"\n" + alice:                                                                 `sallyport.toml:1:1: sandbox: "on" is not known; want required or best-effort or off`,
		alice + `system-user = "20001:20001"`:                                                        `sallyport.toml:3:1: system-user needs --run-as: one process`,
		"system-user = \"20001:20001\"\n" + alice:                                                    `sallyport.toml:1:1: system-user needs --run-as`,
		"run-as = \"20000:20000\"\n" + alice:                                                         `sallyport.toml:2:7: user alice needs a system-user, with whose rights its files are touched, or all need --system-user`,
		"run-as = \"root\"\n" + alice + `system-user = "20001:20001"`:                                `sallyport.toml:1:1: run-as: "root" is root`,
		"run-as = \"20000:20000\"\n" + alice + `system-user = "0:0"`:                                 `sallyport.toml:4:1: system-user: "0:0" is root`,
		"run-as = \"20000:20000\"\n" + alice + `system-user = "999:999"`:                             `sallyport.toml:4:1: system-user: "999:999" has the number 999, below --uid-min 1000`,
		"run-as = \"20000:20000\"\nuid-min = 5\n" + alice + `system-user = "999:999"`:                "",
		"run-as = \"20000:20000\"\n" + alice + `system-user = "20000:7"`:                             `sallyport.toml:4:1: system-user: "20000:7" is the user of sallyport.toml:1:1: run-as`,
		"run-as = \"20000:20000\"\n" + alice + `system-user = "no such user"`:                        `there is no user "no such user" on this host; make one (useradd --system 'no such user'), or give UID:GID`,
		"run-as = \"20000:20000\"\n" + alice + `system-user = "x:y"`:                                 `"x:y" is neither a name nor UID:GID, such as 1001:1001`,
		"run-as = \"20000:20000\"\nsystem-user = \"20001:20001\"\n" + alice:                          "",
		"run-as = \"20000:20000\"\n" + alice + "group = \"g\"\n[group.g]\nsystem-user = \"20001:1\"": "",
		"run-as = \"20000:20000\"":                                                                   `--user: user demo needs a system-user`,
	} {
		file := configure(t, text)
		_, err := load("serve", []string{"DIR", "--config", file}, nil)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.Error(t, err, text)
		require.Contains(t, strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", ""), want, text)
	}
}

// Sources of users are asked with few rights: the program runs as its own user, and the clerk asks the endpoint.
// Rights in their answers are checked like those in files.
func TestSplitSources(t *testing.T) {
	s := startSplit(t, "", 3)
	second := newEndpoint(t, (*httptest.Server).Start, func(w http.ResponseWriter, at attempt) {
		switch at.User {
		case "pat":
			fmt.Fprintf(w, `{"home": %q, "read-only": true}`, filepath.Join(s.homes, "alice"))
		case "rooted":
			io.WriteString(w, `{"system-user": "0:0"}`)
		case "own":
			io.WriteString(w, `{"system-user": "20000:20000"}`)
		default:
			w.WriteHeader(404)
		}
	})
	require.NoError(t, os.WriteFile(filepath.Join(s.homes, "check"), []byte(`#!/bin/sh
case $AUTH_USER in
prog) [ "$AUTH_PASSWORD" = secret ] || exit 1; echo '{"home": "`+s.homes+`/bob", "system-user": "20002:20002"}' ;;
who) echo "$(id -u) $(id -G) $AUTH_PEER $(cut -d, -f1)" >&2; exit 9 ;;
parent) echo $(grep -h -e ^Uid -e ^Groups -e ^CapEff /proc/$PPID/status) $(grep ^SigIgn /proc/$$/status) >&2; exit 9 ;;
hangs) sleep 600 & echo $! $$ >'`+s.homes+`/hangs'; wait ;;
*) exit 2 ;;
esac
`), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(s.homes, "public"), 0o755))
	more := fmt.Sprintf("system-user = \"20001:20001\"\nauth-program = [%q]\nauth-program-user = \"nobody\"\nauth-url = %q\n", filepath.Join(s.homes, "check"), second.URL)
	s.rewrite(t, s.text(more, fmt.Sprintf("[anonymous]\nhome = %q\nsessions = 2\n", filepath.Join(s.homes, "public"))), reread)

	c := s.mustDial(t, "alice")
	require.NoError(t, c.Put("STOR hers", "x"))
	c = s.mustDial(t, "prog")
	require.NoError(t, c.Put("STOR its", "x"))
	info, err := os.Stat(filepath.Join(s.homes, "bob", "its"))
	require.NoError(t, err)
	require.EqualValues(t, bobUID, info.Sys().(*syscall.Stat_t).Uid)
	c = s.mustDial(t, "pat")
	got, err := c.Get("RETR hers")
	require.NoError(t, err)
	require.Equal(t, "x", got)
	require.ErrorContains(t, c.Put("STOR new", "x"), "550")
	for _, name := range []string{"ftp", "anonymous"} {
		c = s.mustDial(t, name)
		require.ErrorContains(t, c.Put("STOR new", "x"), "550")
	}
	_, err = s.dial(t, "ftp")
	require.ErrorContains(t, err, "421")
	refused := func(user, reply, log string) {
		_, err := s.dial(t, user)
		require.ErrorContains(t, err, reply)
		s.wantLog(t, log)
	}
	refused("who", "421 Logins can't be checked just now", `exit status 9: 65534 65534 127.0.0.1 {\"user\":\"who\"`)
	// Checks that the parent of the program has the rights of the program's user, not the keeper's.
	refused("parent", "421", `exit status 9: Uid: 65534 65534 65534 65534 Groups: 65534 CapEff: 0000000000000000 SigIgn: 0000000000000000`)
	refused("rooted", "421", `system-user: \"0:0\" is root`)
	refused("own", "421", `system-user: \"20000:20000\" is the user of `)
	refused("nobody", "530", "nobody has the name")
	second.Close()
	refused("someone", "421", "connection refused")

	// Checks that a program ends, with all that it has started, once nobody waits for it.
	require.NoError(t, os.WriteFile(filepath.Join(s.homes, "hangs"), nil, 0o666))
	require.NoError(t, os.Chmod(filepath.Join(s.homes, "hangs"), 0o666))
	hanging := s.beginLogin(t, "hangs", "127.0.0.1")
	var pids []string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(s.homes, "hangs"))
		pids = strings.Fields(string(text))
		return err == nil && len(pids) == 2
	}, time.Minute, 10*time.Millisecond)
	hanging.Conn.Close()
	for _, pid := range pids {
		requireDead(t, pid)
	}
}

// Whatever an engine that was taken over sends as a question, the keeper reads a login or refuses it.
func FuzzQuestion(f *testing.F) {
	var w channel.Writer
	q := asked(&driver.Login{
		Session: "1", User: "alice", Password: "secret", Peer: netip.MustParseAddrPort("192.0.2.1:4000"), Local: netip.MustParseAddrPort("[2001:db8::1]:21"),
		Host: "example.com", Secure: true, Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "alice"}},
	})
	q.write(&w)
	f.Add([]byte(w))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var head channel.Writer
		head.Begin(askLogin, 1)
		_, _, r := channel.Parse(append(head, b...))
		var a question
		if a.read(r) != nil {
			return
		}
		var again channel.Writer
		a.write(&again)
		var same question
		_, _, r = channel.Parse(append(head, again...))
		require.NoError(t, same.read(r))
		require.Equal(t, a, same)
		l, err := a.login()
		if err == nil && a.peer != "" {
			require.NotEqual(t, netip.AddrPort{}, l.Peer)
		}
	})
}

// The keeper has the file of the audit log, and a line of the engine is there before the client gets its reply. Bans
// outlive the engine and a restart.
func TestSplitAuditAndBans(t *testing.T) {
	dir := t.TempDir()
	audit := filepath.Join(dir, "audit.log")
	t.Setenv("SALLYPORT_STATE_DIR", dir)
	s := startSplit(t, fmt.Sprintf("audit-log = %q\nban-after = 3", audit), 3)
	info, err := os.Stat(audit)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	require.Zero(t, info.Sys().(*syscall.Stat_t).Uid)
	c := s.mustDial(t, "alice")
	require.NoError(t, c.Put("STOR one", "12345"))
	require.NoError(t, os.Rename(audit, audit+".1"))
	deep := strings.TrimSuffix(strings.Repeat(strings.Repeat("\x02", 200)+"/", 19), "/")
	_, err = c.Cmd(550, "DELE "+deep) // its line is longer than a message
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(s.processes(t)[partEngine].PID, syscall.SIGKILL))
	first, second := auditOf(t, audit+".1"), auditOf(t, audit)
	require.Equal(t, "STOR 226 alice /one 5 true", first[len(first)-1].of("event", "code", "user", "path", "bytes", "committed"))
	require.Len(t, second, 1)
	require.Equal(t, "/"+deep, wire.Original(second[0]["path"].(string)))

	s.dialAgain(t, "alice")
	for i := range 3 {
		_, err := s.logIn(t, "127.0.0.2", fmt.Sprint("mallory", i), "wrong")
		require.Error(t, err)
	}
	require.True(t, told[banned](t, s.controlled, "ban", "127.0.0.3").Kept)
	require.True(t, s.isBanned(t, "127.0.0.2"))
	require.True(t, s.isBanned(t, "127.0.0.3"))
	require.NoError(t, syscall.Kill(s.processes(t)[partEngine].PID, syscall.SIGKILL))
	s.dialAgain(t, "alice")
	require.True(t, s.isBanned(t, "127.0.0.2"))
	require.True(t, s.isBanned(t, "127.0.0.3"))
	told[unbanned](t, s.controlled, "unban", "127.0.0.3")
	s.terminate(t)
	require.Zero(t, s.end(t))
	kept, err := readBans(filepath.Join(dir, "bans.json"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Equal(t, "127.0.0.2/32", kept[0].Network.String())
	left := 0
	for _, a := range auditOf(t, audit) {
		if a["event"] == "logout" { // of the last session; those of killed engines have none
			require.Equal(t, "alice", a["user"])
			left++
		}
	}
	require.Equal(t, 1, left)
}

// The log file has what all processes log, as JSON if the option says so.
func TestSplitLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	s := startSplit(t, fmt.Sprintf("log = %q\nlog-format = \"json\"\nlog-level = \"debug\"", file), 3)
	c := s.mustDial(t, "alice")
	require.NoError(t, c.Put("STOR one", "12345"))
	require.NoError(t, c.Close())
	require.NoError(t, os.Rename(file, file+".1"))
	require.Empty(t, told[reloaded](t, s.controlled, "reload").Mistakes)
	clerk := s.processes(t)[partClerk].PID
	require.NoError(t, syscall.Kill(clerk, syscall.SIGABRT)) // has Go print all goroutines
	require.Eventually(t, func() bool { return s.processes(t)[partClerk].PID > clerk }, time.Minute, 10*time.Millisecond, "the next one")
	s.dialAgain(t, "alice")
	s.terminate(t)
	require.Zero(t, s.end(t))
	require.Empty(t, s.log.String())
	seen := map[string]bool{}
	for _, line := range append(linesOf(t, file), linesOf(t, file+".1")...) {
		var is struct{ Msg, Part, Verb, Line, Peer string }
		require.NoError(t, json.Unmarshal([]byte(line), &is), line)
		seen[is.Msg+" by "+is.Peer] = true
		seen[is.Part+" "+is.Msg+is.Verb] = true
		seen["goroutines"] = seen["goroutines"] || strings.HasPrefix(is.Line, "goroutine ")
	}
	require.True(t, seen["engine transferSTOR"], "%v", seen)
	require.True(t, seen["keeper a part has ended and is started again"], "%v", seen)
	require.True(t, seen["goroutines"], "%v", seen)
	require.True(t, seen[fmt.Sprintf("the configuration is read again by uid %d", os.Getuid())], "%v", seen)
}

// What Go's own packages log, as of an endpoint that sends more than its answer, is a line like all others.
func TestSplitGoLog(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nsurplus")
		}
	}()
	s := startSplit(t, "", 3)
	s.rewrite(t, s.text(fmt.Sprintf("auth-url = \"http://%v/\"\n", ln.Addr())), reread)
	_, err = s.dial(t, "someone")
	require.ErrorContains(t, err, "530")
	s.wantLog(t, "Unsolicited response")
	for line := range strings.Lines(s.log.String()) {
		require.Contains(t, line, "time=")
		require.Equal(t, strings.Contains(line, "Unsolicited"), strings.Contains(line, "level=WARN") && strings.Contains(line, "part=clerk"), line)
	}
}

// Log lines of parts go to the journal with their level and their values as fields. Output that is no log line becomes
// an error.
func TestPartsInTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	fake := fakeJournal(t, path)
	j, err := openJournal(path)
	require.NoError(t, err)
	defer j.Close()
	l := &serverLog{format: formatJournal, Logger: slog.New(format(formatJournal, j, slog.LevelDebug, nil))}
	var part bytes.Buffer
	slog.New(format(formatJSON, &part, slog.LevelDebug, nil)).With("part", "engine").Warn("odd", "user", "a\nb", "n", 3)
	part.WriteString("goroutine 1 [running]:\nhalf a line")
	l.relay(&part)
	e := fieldsOf(t, fake)
	require.Equal(t, []string{"4", "engine", "a\nb", "3"}, []string{e["PRIORITY"], e["SALLYPORT_PART"], e["SALLYPORT_USER"], e["SALLYPORT_N"]})
	e = fieldsOf(t, fake)
	require.Equal(t, []string{"3", "goroutine 1 [running]:"}, []string{e["PRIORITY"], e["SALLYPORT_LINE"]})
}

// A program that hangs is asked a bounded number of times at once, and holds up no user of another source. Further
// logins are refused at once.
func TestSplitSourceHangs(t *testing.T) {
	s := startSplit(t, "", 3)
	notes := filepath.Join(s.homes, "notes")
	require.NoError(t, os.Mkdir(notes, 0o777))
	require.NoError(t, os.Chmod(notes, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(s.homes, "check"), []byte("#!/bin/sh\n>"+notes+"/$AUTH_USER; exec sleep 600"), 0o755))
	more := fmt.Sprintf("system-user = \"20001:20001\"\nauth-program = [%q]\nauth-program-user = \"nobody\"\n", filepath.Join(s.homes, "check"))
	s.rewrite(t, s.text(more), reread)
	most := mostAsked * mostLogins()
	for n := range most {
		s.beginLogin(t, fmt.Sprint("unknown", n), fmt.Sprint("127.0.1.", 1+n))
	}
	require.Eventually(t, func() bool { asked, _ := os.ReadDir(notes); return len(asked) == most }, askedFor-time.Second, 10*time.Millisecond)
	_, err := s.with(t, "more", "secret")
	require.ErrorContains(t, err, "421 Logins can't be checked just now")
	s.mustDial(t, "alice")
	require.NotContains(t, s.log.String(), "no answer within", "it was the end of the others that let her in")
	s.wantLog(t, "too many wait for its answer already")
}
