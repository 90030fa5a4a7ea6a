package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// withFolders returns the table of the folders of a user: "in" at in/new, and "pub", which is read-only.
func (s *splitServer) withFolders(user string) string {
	return fmt.Sprintf("[user.%s.folders]\n\"in/new\" = { dir = %q }\npub = { dir = %q, read-only = true }\n",
		user, filepath.Join(s.homes, "in"), filepath.Join(s.homes, "pub"))
}

// makeFolders makes the directories of withFolders. Everybody has all rights to them.
func (s *splitServer) makeFolders(t *testing.T) {
	t.Helper()
	for _, name := range []string{"in", "pub"} {
		require.NoError(t, os.Mkdir(filepath.Join(s.homes, name), 0o777))
		require.NoError(t, os.Chmod(filepath.Join(s.homes, name), 0o777))
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.homes, "pub", "readme"), []byte("read me"), 0o644))
}

// tryFolders has alice use her home and folders, and returns the reply to LIST of the root.
func (s *splitServer) tryFolders(t *testing.T, home bool) string {
	t.Helper()
	c := s.mustDial(t, "alice")
	for _, name := range []string{"in/new/small", "in/new/large"} {
		content := strings.Repeat(name, map[bool]int{true: 20_000, false: 1}[strings.HasSuffix(name, "large")])
		require.NoError(t, c.Put("STOR "+name, content))
		got, err := os.ReadFile(filepath.Join(s.homes, "in", filepath.Base(name)))
		require.NoError(t, err)
		require.Equal(t, content, string(got))
		again, err := c.Get("RETR " + name)
		require.NoError(t, err)
		require.Equal(t, content, again)
	}
	got, err := c.Get("RETR pub/readme")
	require.NoError(t, err)
	require.Equal(t, "read me", got)
	require.ErrorContains(t, c.Put("STOR pub/new", "x"), "550")
	for _, command := range []string{"DELE pub/readme", "MKD pub/dir", "RMD pub", "RMD in", "RMD in/new"} {
		_, err = c.Cmd(550, command)
		require.NoError(t, err)
	}
	_, err = c.Cmd(250, "CWD in/new")
	require.NoError(t, err)
	_, err = c.Cmd(257, "MKD dir")
	require.NoError(t, err)
	_, err = c.Cmd(350, "RNFR small")
	require.NoError(t, err)
	_, err = c.Cmd(250, "RNTO dir/moved")
	require.NoError(t, err)
	_, err = c.Cmd(250, "CWD /")
	require.NoError(t, err)
	if home {
		require.NoError(t, c.Put("STOR own", "x"))
		require.FileExists(t, filepath.Join(s.homes, "alice", "own"))
		_, err = c.Cmd(350, "RNFR own")
		require.NoError(t, err)
		_, err = c.Cmd(504, "RNTO in/new/own")
		require.NoError(t, err)
	} else {
		require.ErrorContains(t, c.Put("STOR own", "x"), "550")
		_, err = c.Cmd(550, "MKD own")
		require.NoError(t, err)
	}
	names, err := c.Get("NLST")
	require.NoError(t, err)
	return names
}

// One hand serves the home and all folders of an account, with rights to these directories alone; a reload that changes
// folders gives new logins a new hand, while sessions of before keep theirs.
func TestSplitFolders(t *testing.T) {
	s := startSplit(t, "", 3)
	s.makeFolders(t)
	before := s.mustDial(t, "alice")
	first := s.processes(t)["hand 20001"]
	require.Empty(t, first.Folders)

	s.rewrite(t, s.text("", s.withFolders("alice")), reread)
	names := s.tryFolders(t, true)
	require.ElementsMatch(t, []string{"in", "pub", "own"}, strings.Fields(names))
	hand := s.processes(t)["hand 20001"]
	require.NotEqual(t, first.PID, hand.PID)
	require.Equal(t, filepath.Join(s.homes, "alice"), hand.Dir)
	require.Equal(t, []string{filepath.Join(s.homes, "in"), filepath.Join(s.homes, "pub")}, hand.Folders)
	out, code := s.ask(t, nil, "status")
	require.Zero(t, code)
	require.Contains(t, out, fmt.Sprintf("process %d of user 20001 %s/alice, %s/in, %s/pub", hand.PID, s.homes, s.homes, s.homes))
	info, err := os.Stat(filepath.Join(s.homes, "in", "large"))
	require.NoError(t, err)
	require.EqualValues(t, aliceUID, info.Sys().(*syscall.Stat_t).Uid)

	_, err = before.Cmd(550, "CWD pub")
	require.NoError(t, err)
	require.NoError(t, before.Put("STOR old", "still there"))
	two := s.mustDial(t, "alice")
	s.rewrite(t, s.text(""), reread)
	_, err = two.Get("RETR pub/readme")
	require.NoError(t, err)
	_, err = s.mustDial(t, "alice").Cmd(550, "CWD pub")
	require.NoError(t, err)
	require.Len(t, s.handsOf(t, aliceUID), 2)
}

// handsOf returns the hands of a system user.
func (s *splitServer) handsOf(t *testing.T, uid int) (all []systemProcess) {
	t.Helper()
	for _, p := range told[status](t, s.controlled, "status").Processes {
		if p.Part == partHand && p.UID == uid {
			all = append(all, p)
		}
	}
	return all
}

// An account may have folders and no home; then nothing can be stored beside them.
func TestSplitFoldersWithoutHome(t *testing.T) {
	s := startSplit(t, "", 3)
	s.makeFolders(t)
	text := strings.Replace(s.text("", s.withFolders("alice")), fmt.Sprintf("home = %q\n", filepath.Join(s.homes, "alice")), "", 1)
	s.rewrite(t, text, reread)
	require.ElementsMatch(t, []string{"in", "pub"}, strings.Fields(s.tryFolders(t, false)))
	hand := s.processes(t)["hand 20001"]
	require.Empty(t, hand.Dir)
}

// What holds for an account holds for its folders, too: hidden names, umask, the check of uploads. The quota is that of
// the home.
func TestSplitFoldersAccount(t *testing.T) {
	s := startSplit(t, "check-program = [\"/bin/sh\", \"-c\", \"grep -q virus && { echo $CHECK_HOME $CHECK_FILE; exit 1; }; exit 0\"]\ncheck-program-user = \"root\"", 3)
	s.makeFolders(t)
	text := s.text("check-program = [\"/bin/sh\", \"-c\", \"grep -q virus && { echo $CHECK_HOME $CHECK_FILE; exit 1; }; exit 0\"]\ncheck-program-user = \"root\"")
	s.rewrite(t, text+"quota = \"10 B\"\nhidden = [\"*.key\"]\numask = \"007\"\n"+s.withFolders("bob"), reread)
	c := s.mustDial(t, "bob")
	require.ErrorContains(t, c.Put("STOR a", "12345678901"), "552")
	require.NoError(t, c.Put("STOR in/new/a", "12345678901"))
	info, err := os.Stat(filepath.Join(s.homes, "in", "a"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o660), info.Mode())
	require.Error(t, c.Put("STOR in/new/x.key", "1"))
	require.ErrorContains(t, c.Put("STOR in/new/b", "a virus"), "553")
	s.wantLog(t, "text=\""+filepath.Join(s.homes, "in")+" /b\"")
	require.NoFileExists(t, filepath.Join(s.homes, "in", "b"))
}

// A folder out of reach of the system user is logged with its name, and config check reports it.
func TestSplitFolderOfAnother(t *testing.T) {
	s := startSplit(t, "", 3)
	s.makeFolders(t)
	s.rewrite(t, s.text("", s.withFolders("bob")), reread)
	s.mustDial(t, "bob")
	require.NoError(t, os.Chmod(filepath.Join(s.homes, "in"), 0o700))
	got := output(t, "config", "check", s.homes, "--config", s.file, "--control=")
	require.Regexp(t, `unwise: .*sallyport.toml:\d+:1: user bob can't log in, for system-user 20002:20002 doesn't get in: .*/in: permission denied`, got)
	s.rewrite(t, s.text("", "umask = \"007\"\n", s.withFolders("bob")), reread)
	_, err := s.dial(t, "bob")
	require.ErrorContains(t, err, "530")
	s.wantLog(t, `the folder \"in/new\": `)
}

// An upgrade leaves the sessions of before their folders, and the next program knows which hand has them.
func TestUpgradeFolders(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	u.makeFolders(t)
	u.rewrite(t, u.text("", u.withFolders("alice")), reread)
	c := u.mustLogin(t, "alice")
	hand := u.handsOf(t, aliceUID)
	require.Len(t, hand, 1)
	u.upgrade(t)
	require.NoError(t, there(c, "in/new/before"))
	_, err := c.Get("RETR pub/readme")
	require.NoError(t, err)
	require.Contains(t, u.handsOf(t, aliceUID), hand[0])
	require.NoError(t, there(u.mustLogin(t, "alice"), "in/new/after"))
	require.NoError(t, c.Login("alice", "secret")) // in the engine of before, which gets the same hand
	require.NoError(t, there(c, "in/new/again"))
	require.Len(t, u.handsOf(t, aliceUID), 2)
}

// A server in one process serves folders, too.
func TestFoldersOfOneProcess(t *testing.T) {
	s := startWhole(t, "")
	s.makeFolders(t)
	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	s.rewrite(t, string(text)+s.withFolders("alice"), reread)
	require.ElementsMatch(t, []string{"in", "pub", "own"}, strings.Fields(s.tryFolders(t, true)))
	home := fmt.Sprintf("home = %q\n", filepath.Join(s.homes, "alice"))
	require.Contains(t, string(text), home)
	require.NoError(t, os.RemoveAll(filepath.Join(s.homes, "in", "dir")))
	s.rewrite(t, strings.Replace(string(text), home, "", 1)+s.withFolders("alice"), reread)
	require.ElementsMatch(t, []string{"in", "pub"}, strings.Fields(s.tryFolders(t, false)))
}
