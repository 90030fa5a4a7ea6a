//go:build linux || darwin || freebsd || dragonfly || netbsd || openbsd

package tempdir

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// child starts a process that makes a directory and waits.
func child(t *testing.T) (dir string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLeftovers$")
	cmd.Env = append(os.Environ(), "TEMPDIR_CHILD=1")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	kill = func() {
		cmd.Process.Kill()
		cmd.Wait()
		stdin.Close()
	}
	t.Cleanup(kill)
	return strings.TrimSpace(line), kill
}

// The next process removes the directory that a killed process has left, and
// leaves alone that of a living one.
func TestLeftovers(t *testing.T) {
	if os.Getenv("TEMPDIR_CHILD") != "" {
		dir, _, err := Make("tempdir-child-")
		fmt.Println(dir, err)
		bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	t.Setenv("TMPDIR", t.TempDir())
	killed, kill := child(t)
	killed, _, _ = strings.Cut(killed, " ")
	living, _ := child(t)
	living, _, _ = strings.Cut(living, " ")
	require.NoError(t, os.WriteFile(filepath.Join(killed, "file"), nil, 0o600))
	kill()
	mine, remove, err := Make("tempdir-child-")
	require.NoError(t, err)
	require.NoDirExists(t, killed)
	require.DirExists(t, living)
	require.DirExists(t, mine)
	require.NoError(t, remove())
	require.NoDirExists(t, mine)
}
