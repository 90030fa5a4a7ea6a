package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// checkScript is a program that looks at uploads. HOW is the directory for its notes.
const checkScript = `#!/bin/sh
case $CHECK_FILE in
*/broken) echo "the database is gone" >&2; exit 2 ;;
*/hangs) exec sleep 600 ;;
*/noted) echo "$CHECK_FILE $CHECK_HOME $CHECK_SIZE $(id -u) $*" >HOW; echo "$(readlink /proc/self/fd/0 | cut -c1)" >>HOW ;;
esac
! grep -q VIRUS
`

// checkedBy writes checkScript, and returns the options that have it look at uploads.
func checkedBy(t *testing.T, how, who string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sallyport-check-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	file := filepath.Join(dir, "check")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(checkScript, "HOW", how)), 0o755))
	return fmt.Sprintf("check-program = [%q, \"two words\", \"$HOME\"]\ncheck-program-user = %q\ncheck-timeout = \"2s\"\nuploads = \"inplace\"\n", file, who)
}

// testChecks tests what clients see of a program that looks at uploads, and what the program sees.
func testChecks(t *testing.T, c *ftpclient.Client, home, how, uid string, log func() string) {
	content := func(name string) string {
		text, err := os.ReadFile(filepath.Join(home, name))
		if err != nil {
			return "none"
		}
		return string(text)
	}
	require.NoError(t, c.Put("STOR noted", "fine"))
	require.Equal(t, "fine", content("noted"))
	note, err := os.ReadFile(how)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("/noted %s 4 %s two words $HOME\n/\n", home, uid), string(note), "a file, by a descriptor")

	require.ErrorContains(t, c.Put("STOR new", "a VIRUS"), "553 The file was refused")
	require.Equal(t, "none", content("new"))
	says := func(text string) {
		require.Eventually(t, func() bool { return strings.Contains(log(), text) }, time.Minute, 10*time.Millisecond, text)
	}
	says("an upload was refused by its check")
	require.NoError(t, c.Put("STOR old", "a VI"))
	require.ErrorContains(t, c.Put("APPE old", "RUS"), "553", "what is harmless in two parts")
	require.Equal(t, "a VI", content("old"))
	require.NoError(t, c.Put("APPE old", "SA"))
	require.Equal(t, "a VISA", content("old"))
	_, err = c.Cmd(350, "REST 4")
	require.NoError(t, err)
	require.ErrorContains(t, c.Put("STOR old", "RUS"), "553")
	require.Equal(t, "a VISA", content("old"))

	require.ErrorContains(t, c.Put("STOR broken", "x"), "451 The file can't be checked just now")
	says("exit status 2")
	says("the database is gone")
	require.ErrorContains(t, c.Put("STOR hangs", "x"), "451 The file can't be checked just now")
	says("no answer within")
	for _, name := range []string{"broken", "hangs"} {
		require.Equal(t, "none", content(name))
	}
	left, err := os.ReadDir(home)
	require.NoError(t, err)
	for _, entry := range left {
		require.False(t, strings.HasPrefix(entry.Name(), "."), "%s was left behind", entry.Name())
	}
}

// A program looks at each upload before it becomes a file, and its exit status decides. A user's table can switch that
// off.
func TestCheckProgram(t *testing.T) {
	me, err := user.Current()
	require.NoError(t, err)
	how := filepath.Join(t.TempDir(), "how")
	lines := checkedBy(t, how, me.Username)
	p := startConfigured(t, lines+alice+"[user.free]\npassword = \""+hash+"\"\ncheck-program = []\n")
	c, err := p.with(t, "alice", "secret")
	require.NoError(t, err)
	testChecks(t, c, p.dir, how, me.Uid, p.log.String)
	free, err := p.with(t, "free", "secret")
	require.NoError(t, err)
	require.NoError(t, free.Put("STOR free", "a VIRUS"))

	p.rewrite(t, alice, reread) // sessions that are open keep the program
	require.ErrorContains(t, c.Put("STOR new", "a VIRUS"), "553")
	c, err = p.with(t, "alice", "secret")
	require.NoError(t, err)
	require.NoError(t, c.Put("STOR new", "a VIRUS"))
}

// A program looks at uploads of a split server, too. A hand executes nothing: the keeper has a process of the
// program's user run it, which needs no rights to the file.
func TestSplitCheckProgram(t *testing.T) {
	s := startSplit(t, "", 3)
	how := filepath.Join(s.homes, "how")
	require.NoError(t, os.WriteFile(how, nil, 0o666))
	require.NoError(t, os.Chmod(how, 0o666))
	s.rewrite(t, s.text(checkedBy(t, how, "nobody"), "check-program = []\n"), reread) // in the table of bob
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	testChecks(t, s.mustDial(t, "alice"), filepath.Join(s.homes, "alice"), how, nobody.Uid, s.log.String)
	require.NoError(t, s.mustDial(t, "bob").Put("STOR free", "a VIRUS"))
}

// Mistakes in the options of the program are reported at the start.
func TestCheckProgramMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"check-program = [\"check\"]\n" + alice:                                                           `sallyport.toml:1:1: check-program: "check" is no absolute path; want one such as /usr/bin/clamdscan`,
		alice + `check-program = ["check"]`:                                                               `sallyport.toml:3:1: check-program: "check" is no absolute path`,
		"check-timeout = \"2m\"\n" + alice + `check-program = ["/bin/true"]`:                              `sallyport.toml:1:1: check-timeout: 2m0s is not between nothing and 1m30s`,
		"check-program-user = \"nobody\"\n" + alice:                                                       `sallyport.toml:1:1: check-program-user says who runs a program, and check-program names none`,
		"check-program-user = \"nobody\"\n" + alice + "group = \"g\"\n[group.g]\ncheck-program = [\"x\"]": `sallyport.toml:6:1: check-program: "x" is no absolute path`,
	} {
		file := configure(t, text)
		_, err := load("serve", []string{"DIR", "--config", file}, nil)
		require.Error(t, err, text)
		require.Contains(t, strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", ""), want, text)
	}
	program, err := binary()
	require.NoError(t, err)
	file := configure(t, alice+"check-program = [\"/does/not/exist\"]\n")
	cmd := exec.CommandContext(t.Context(), program, "config", "check", t.TempDir(), "--config", file, "--check-program-user", "no-such-user")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), file+":3:1: check-program: ")
	require.Contains(t, string(out), "no such file")
	require.Contains(t, string(out), `--check-program-user: there is no user "no-such-user" on this host`)
}
