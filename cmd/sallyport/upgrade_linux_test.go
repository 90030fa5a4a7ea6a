package main

import (
	stdtls "crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// upgradable is a split server whose program can be replaced.
type upgradable struct {
	*splitServer
	program string
}

// startUpgradable starts a server with ports data ports.
func startUpgradable(t *testing.T, more string, ports int, change func(*exec.Cmd)) *upgradable {
	t.Helper()
	u := &upgradable{program: filepath.Join(t.TempDir(), "sallyport")}
	file, err := binary()
	require.NoError(t, err)
	u.install(t, file)
	u.splitServer = startSplitWith(t, more, ports, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args[0] = u.program, u.program
		change(cmd)
	})
	return u
}

// install replaces the program's file.
func (u *upgradable) install(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(u.program+".new", text, 0o755))
	require.NoError(t, os.Rename(u.program+".new", u.program))
}

// upgrade runs the command upgrade.
func (u *upgradable) upgrade(t *testing.T) {
	t.Helper()
	out, code := u.ask(t, nil, "upgrade")
	require.Zero(t, code, out)
	require.Contains(t, out, "serves who connects from now on")
}

// login logs in, as a client that resumes TLS or one that never does.
func (u *upgradable) login(t *testing.T, user string, resumes bool) (*ftpclient.Client, error) {
	config := &stdtls.Config{InsecureSkipVerify: true, ServerName: "localhost"}
	if resumes {
		config.ClientSessionCache = stdtls.NewLRUClientSessionCache(0)
	}
	return ftpclient.Dial(u.fact(t, "explicit FTPS"), false, config, user, "secret")
}

func (u *upgradable) mustLogin(t *testing.T, user string) *ftpclient.Client {
	t.Helper()
	c, err := u.login(t, user, true)
	require.NoError(t, err)
	t.Cleanup(func() { c.Conn.Close() })
	return c
}

// loginAgain logs in as soon as the server accepts logins again.
func (u *upgradable) loginAgain(t *testing.T, user string) {
	t.Helper()
	require.Eventually(t, func() bool {
		c, err := u.login(t, user, true)
		return err == nil && c.Close() == nil
	}, time.Minute, 10*time.Millisecond)
}

// there checks that a session works: it stores a file and reads it back.
func there(c *ftpclient.Client, name string) error {
	if err := c.Put("STOR "+name, strings.Repeat(name, 1000)); err != nil {
		return fmt.Errorf("STOR %s: %w", name, err)
	}
	got, err := c.Get("RETR " + name)
	if err == nil && got != strings.Repeat(name, 1000) {
		err = fmt.Errorf("%d bytes", len(got))
	}
	if err != nil {
		return fmt.Errorf("RETR %s: %w", name, err)
	}
	return nil
}

// A server with one data port is upgraded under load: a long transfer goes on, idle sessions transfer afterwards,
// whether they resume TLS or never do, and logins meanwhile notice nothing.
func TestUpgrade(t *testing.T) {
	u := startUpgradable(t, "", 1, func(*exec.Cmd) {})
	before := u.processes(t)
	long, err := u.login(t, "alice", true)
	require.NoError(t, err)
	data, err := long.Open("STOR long")
	require.NoError(t, err)
	var over atomic.Bool
	written := make(chan int, 1)
	go func() {
		n := 0
		for ; !over.Load(); n++ {
			if _, err := io.WriteString(data, "x"); err != nil {
				t.Error(err)
				break
			}
			time.Sleep(time.Millisecond)
		}
		written <- n
	}()
	var idle []*ftpclient.Client
	for i := range 4 {
		c, err := u.login(t, "alice", i%2 == 0)
		require.NoError(t, err)
		if i > 1 { // the first two have not transferred yet
			require.NoError(t, there(c, fmt.Sprint("before", i)))
		}
		idle = append(idle, c)
	}
	var wg sync.WaitGroup
	var logins atomic.Int64
	for i := range 3 {
		wg.Go(func() {
			for n := 0; !over.Load(); n++ {
				c, err := u.login(t, "alice", i > 0)
				if err == nil {
					err = there(c, fmt.Sprintf("new-%d-%d", i, n))
				}
				if err == nil {
					err = c.Close()
				}
				if err != nil {
					t.Errorf("client %d, login %d: %v", i, n, err)
					return
				}
				logins.Add(1)
			}
		})
	}
	for round := range 2 {
		file, err := binary()
		require.NoError(t, err)
		u.install(t, file)
		u.upgrade(t)
		for i, c := range idle {
			require.NoError(t, there(c, fmt.Sprintf("idle-%d-%d", round, i)), "a session that was idle")
		}
	}
	start := logins.Load()
	require.Eventually(t, func() bool { return t.Failed() || logins.Load() > start+50 }, 2*time.Minute, 10*time.Millisecond)
	over.Store(true)
	wg.Wait()
	n := <-written
	require.NoError(t, data.Close())
	require.NoError(t, long.Done())
	info, err := os.Stat(filepath.Join(u.homes, "alice", "long"))
	require.NoError(t, err)
	require.EqualValues(t, n, info.Size())

	after := u.processes(t)
	require.Equal(t, before["keeper"].PID, after["keeper"].PID)
	require.Equal(t, u.Process.Pid, after["keeper"].PID)
	out, _ := u.ask(t, nil, "status")
	require.Equal(t, 2, strings.Count(out, "\nengine "), "that of the first start and the newest; the one between had no session: %s", out)
	require.Contains(t, out, "for sessions of before an upgrade")
	for _, c := range append(idle, long) {
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool {
		out, _ := u.ask(t, nil, "status")
		return strings.Count(out, "\nengine ") == 1
	}, time.Minute, 100*time.Millisecond, "an engine ends with its last session")
	u.wantLog(t, "its sessions are over")
}

// A program that can't take over, or a wrong configuration, changes nothing, and whoever has asked is told why.
func TestUpgradeRefused(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	c := u.mustLogin(t, "alice")
	before := u.processes(t)
	want := func(text string) {
		t.Helper()
		out, code := u.ask(t, nil, "upgrade")
		require.Equal(t, statusUsage, code, out)
		require.Contains(t, out, "the one that runs stays:\n")
		require.Contains(t, out, text)
		for _, name := range []string{"keeper", "engine", "signer", "clerk"} {
			require.Equal(t, before[name].PID, u.processes(t)[name].PID)
		}
		require.NoError(t, there(c, "file"))
		again := u.mustLogin(t, "bob")
		require.NoError(t, there(again, "file"))
	}
	u.install(t, "/bin/false")
	want("it says nothing")
	require.NoError(t, os.WriteFile(u.program, []byte("#!/bin/sh\necho It is broken. >&2; exit 3\n"), 0o755))
	want("exit status 3: It is broken.")
	require.NoError(t, os.Chmod(u.program, 0o644))
	want("permission denied")
	require.NoError(t, os.Remove(u.program))
	want("no such file or directory")
	file, err := binary()
	require.NoError(t, err)
	u.install(t, file)
	good, err := os.ReadFile(u.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(u.file, append([]byte("nonsense = 1\n"), good...), 0o600))
	want(u.file + ":1:1: nonsense")
	require.NoError(t, os.WriteFile(u.file, good, 0o600))
	u.upgrade(t)
	require.NoError(t, there(c, "file"))

	one := startControlled(t)
	out, code := one.ask(t, nil, "upgrade")
	require.Equal(t, statusFailed, code)
	require.Contains(t, out, "only a server that is split")
}

// An upgraded server works as before: a shutdown waits for transfers of both engines, parts that die are started
// again, and a reload holds for new logins.
func TestUpgradedServer(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	old := u.mustLogin(t, "alice")
	u.upgrade(t)
	require.NoError(t, there(old, "a"))
	for _, name := range []string{"signer", "clerk", "engine"} {
		pid := u.processes(t)[name].PID
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		u.loginAgain(t, "bob")
		require.NoError(t, there(old, name), "the older engine has its leases made by the next one")
	}
	u.rewrite(t, u.text("greeting = \"Hello\""), reread)
	b := u.mustLogin(t, "bob")
	require.NoError(t, there(b, "b"))
	var writing []io.WriteCloser
	for _, c := range []*ftpclient.Client{old, b} {
		data, err := c.Open("STOR last")
		require.NoError(t, err)
		_, err = io.WriteString(data, "first half, ")
		require.NoError(t, err)
		writing = append(writing, data)
	}
	require.NoError(t, u.Process.Signal(syscall.SIGTERM))
	u.wantLog(t, "shutting down")
	for i, c := range []*ftpclient.Client{old, b} {
		_, err := io.WriteString(writing[i], "second half")
		require.NoError(t, err)
		require.NoError(t, writing[i].Close())
		require.NoError(t, c.Done())
	}
	require.Zero(t, u.end(t))
}

// The processes that an upgrade ends leave nothing in the process table.
func TestUpgradeWaitsForProcesses(t *testing.T) {
	u := startUpgradable(t, "", 1, func(*exec.Cmd) {})
	for range 2 {
		before := u.processes(t)
		u.upgrade(t)
		for _, name := range []string{"signer", "clerk", "engine"} {
			stat := fmt.Sprintf("/proc/%d/stat", before[name].PID)
			require.Eventually(t, func() bool {
				_, err := os.Stat(stat)
				return errors.Is(err, os.ErrNotExist)
			}, time.Minute, 10*time.Millisecond, name)
		}
	}
}

// At most three engines live, and older ones no longer than upgrade-drain.
func TestUpgradeDrain(t *testing.T) {
	u := startUpgradable(t, "drain = \"1s\"", 3, func(*exec.Cmd) {})
	var all []*ftpclient.Client
	for range 4 {
		all = append(all, u.mustLogin(t, "alice"))
		u.upgrade(t)
	}
	for _, c := range all[:2] {
		reply, err := c.ReadReply()
		require.NoError(t, err)
		require.Equal(t, 421, reply.Code)
	}
	require.NoError(t, there(all[2], "third"))
	u.rewrite(t, u.text("drain = \"1s\"\nupgrade-drain = \"0s\""), reread)
	for _, c := range all[2:] {
		reply, err := c.ReadReply()
		require.NoError(t, err)
		require.Equal(t, 421, reply.Code)
	}
}

// Ports that a supervisor keeps are handed over, too, and the supervisor is told of the new program. The logs of all
// processes go to the server's log.
func TestUpgradeUnderSupervisor(t *testing.T) {
	d := startSystemd(t)
	log := filepath.Join(t.TempDir(), "log")
	u := startUpgradable(t, fmt.Sprintf("log = %q\nlog-format = \"json\"", log), 1, func(cmd *exec.Cmd) { d.starts(cmd, nil, "FDSTORE=3", "WATCHDOG_USEC=300000") })
	d.waitFor(t, 0, "READY=1\n")
	require.Len(t, d.taken(), 3)
	old := u.mustLogin(t, "alice")
	require.NoError(t, there(old, "before"))
	_, before := d.count("")
	u.upgrade(t)
	require.Contains(t, d.waitFor(t, before, "READY=1\n"), fmt.Sprintf("MAINPID=%d\n", u.Process.Pid))
	require.Len(t, d.taken(), 3)
	for i := range 3 {
		require.NoError(t, there(old, fmt.Sprint("old", i)))
		c := u.mustLogin(t, "bob")
		require.NoError(t, there(c, fmt.Sprint("new", i)))
		require.NoError(t, c.Close())
	}
	_, before = d.count("")
	d.waitFor(t, before, "WATCHDOG=1")
	for _, text := range []string{`"/old2"`, `"/new2"`, "the program is executed anew"} {
		require.Eventually(t, func() bool {
			lines, err := os.ReadFile(log)
			return err == nil && strings.Contains(string(lines), text)
		}, time.Minute, 10*time.Millisecond, text)
	}
}
