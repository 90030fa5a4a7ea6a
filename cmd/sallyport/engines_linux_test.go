package main

import (
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// ended waits until a client is told 421, and returns the text.
func ended(t *testing.T, c *ftpclient.Client) string {
	t.Helper()
	reply, err := c.ReadReply()
	require.NoError(t, err)
	require.Equal(t, 421, reply.Code)
	return reply.String()
}

// Over two upgrades the commands see, count and end the sessions of all engines, whose IDs differ.
func TestEnginesTogether(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	var all []*ftpclient.Client
	var engines []int
	for i, user := range []string{"alice", "bob", "alice"} {
		if i > 0 {
			u.upgrade(t)
		}
		c := u.mustLogin(t, user)
		require.NoError(t, there(c, fmt.Sprint("file", i)))
		all = append(all, c)
		engines = append(engines, u.processes(t)["engine"].PID)
	}
	busy, err := all[0].Open("STOR long")
	require.NoError(t, err)
	_, err = io.WriteString(busy, "half")
	require.NoError(t, err)

	var list []session
	require.Eventually(t, func() bool { // a session that has just ended may still be listed
		list = told[sessionList](t, u.controlled, "sessions").Sessions
		return len(list) == 3
	}, time.Minute, 10*time.Millisecond)
	ids := map[string]bool{}
	for i, s := range list {
		require.Equal(t, []any{engines[i], []string{"alice", "bob", "alice"}[i]}, []any{s.Engine, s.User}, "the oldest comes first")
		ids[s.ID] = true
	}
	require.Len(t, ids, 3, "no ID names two sessions: %v", ids)
	require.Regexp(t, "^2-", list[1].ID)
	require.Regexp(t, "^3-", list[2].ID)
	require.Equal(t, "STOR long", list[0].Doing)
	out, _ := u.ask(t, nil, "sessions")
	require.Regexp(t, "^SESSION .* ENGINE\n", out)
	require.Regexp(t, fmt.Sprintf(`(?m)^%s +bob .* %d$`, regexp.QuoteMeta(list[1].ID), engines[1]), out)

	s := told[status](t, u.controlled, "status")
	require.Equal(t, []any{3, 1}, []any{s.Sessions, s.Busy})
	count := map[int]int{}
	for _, p := range s.Processes {
		if p.Part == partEngine {
			count[p.PID] = p.Users
		}
	}
	require.Equal(t, map[int]int{engines[0]: 1, engines[1]: 1, engines[2]: 1}, count)

	k := told[kicked](t, u.controlled, "kick", list[1].ID, "--reason", "Enough of that.")
	require.Equal(t, kicked{Sessions: 1, Gone: true}, k)
	require.Contains(t, ended(t, all[1]), "Enough of that.")
	require.NoError(t, there(all[2], "still"))
	out, code := u.ask(t, nil, "kick", list[1].ID)
	require.Equal(t, statusFailed, code)
	require.Contains(t, out, "no such session")
	k = told[kicked](t, u.controlled, "kick", "--user", "alice")
	require.Equal(t, kicked{Sessions: 2, Gone: true}, k)
	ended(t, all[2])
	busy.Close()
	reply, err := all[0].ReadReply()
	require.NoError(t, err)
	require.Equal(t, 426, reply.Code)
	ended(t, all[0])
}

// A ban ends the sessions of all engines, but for those to be kept, and holds over an upgrade.
func TestEnginesBan(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	old := u.mustLogin(t, "alice")
	u.upgrade(t)
	young := u.mustLogin(t, "bob")
	b := told[banned](t, u.controlled, "ban", "127.0.0.1", "--keep-sessions")
	require.Zero(t, b.Sessions)
	require.NoError(t, there(old, "kept"))
	b = told[banned](t, u.controlled, "ban", "127.0.0.1", "--reason", "it scans")
	require.Equal(t, []any{2, []int(nil)}, []any{b.Sessions, b.Silent})
	require.Contains(t, ended(t, old), "may not connect")
	ended(t, young)
	u.upgrade(t)
	require.Len(t, told[banList](t, u.controlled, "bans").Bans, 1)
	_, err := u.login(t, "alice", true)
	require.Error(t, err)
	require.Len(t, told[unbanned](t, u.controlled, "unban", "127.0.0.1").Bans, 1)
	u.mustLogin(t, "alice")
}

// An engine that does not answer is named, and the others answer all the same.
func TestEnginesSilent(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	u.mustLogin(t, "alice")
	old := u.processes(t)["engine"].PID
	u.upgrade(t)
	u.mustLogin(t, "bob")
	require.NoError(t, syscall.Kill(old, syscall.SIGSTOP))
	list := told[sessionList](t, u.controlled, "sessions")
	require.NoError(t, syscall.Kill(old, syscall.SIGCONT))
	require.Equal(t, []int{old}, list.Silent)
	require.Len(t, list.Sessions, 1)
	require.Equal(t, "bob", list.Sessions[0].User)
	var out strings.Builder
	list.print(&out, time.Now())
	require.Contains(t, out.String(), fmt.Sprintf("process %d, an engine", old))
	require.Len(t, told[sessionList](t, u.controlled, "sessions").Sessions, 2)
}

// A shutdown over the control socket tells how many sessions all engines have.
func TestEnginesDrain(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	u.mustLogin(t, "alice")
	u.upgrade(t)
	u.mustLogin(t, "bob")
	require.Equal(t, 2, told[drained](t, u.controlled, "drain").Sessions)
	require.Zero(t, u.end(t))
}
