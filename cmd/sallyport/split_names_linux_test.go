package main

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The clerk looks up announced names and no others, and the keeper knows who may use the control socket.
func TestSplitNames(t *testing.T) {
	s := startSplit(t, "announce = \"127.0.0.1=localhost, *=203.0.113.7\"\ncontrol-group = \"daemon\"", 3)
	c := s.mustDial(t, "alice")
	reply, err := c.Cmd(227, "PASV")
	require.NoError(t, err)
	require.Contains(t, reply.Text(), "127,0,0,1")
	require.NoError(t, c.Put("STOR one", "x"))
	s.rewrite(t, s.text("announce = \"*=localhost\"\ncontrol-group = \"daemon\""), reread)
	require.NoError(t, s.mustDial(t, "bob").Put("STOR one", "x"))

	file, err := binary()
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Dir(file), 0o755))
	who, err := user.Lookup("daemon")
	require.NoError(t, err)
	member, err := strconv.Atoi(who.Uid)
	require.NoError(t, err)
	group, err := strconv.Atoi(who.Gid)
	require.NoError(t, err)
	for uid, code := range map[int]int{member: 0, aliceUID: statusFailed} {
		cmd := exec.CommandContext(t.Context(), file, "status", "--control", s.socket)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: 65534, Groups: []uint32{uint32(group)}}}
		out, _ := cmd.CombinedOutput()
		require.Equal(t, code, cmd.ProcessState.ExitCode(), "%d: %s", uid, out)
	}

	k := &keeper{daemon: &daemon{settings: &settings{announce: "*=a.example"}, started: &settings{announce: "10.0.0.0/8=b.example,*=192.0.2.1"}}}
	k.offered.Store(&settings{announce: "c.example"})
	for name, want := range map[string]bool{"a.example": true, "b.example": true, "c.example": true, "d.example": false, "192.0.2.1": false, "": false} {
		require.Equal(t, want, k.isAnnounced(name), name)
	}
}
