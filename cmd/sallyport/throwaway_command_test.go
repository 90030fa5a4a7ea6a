package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// testCommand runs "sallyport test" with a script for the shell as its command.
func testCommand(t *testing.T, script string, args ...string) (status int, stdout string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell")
	}
	file, err := binary()
	require.NoError(t, err)
	tmp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), file, append(append([]string{"test"}, args...), "--", testenv.NeedBinary(t, "sh"), "-c", script)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Stdin = strings.NewReader("from outside\n")
	cmd.Stderr = t.Output()
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); !errors.As(err, new(*exec.ExitError)) {
		require.NoError(t, err)
	}
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left, "files are left behind")
	return cmd.ProcessState.ExitCode(), out.String()
}

func TestEndpointForCommand(t *testing.T) {
	testenv.NeedBinary(t, "curl")
	status, out := testCommand(t, `
		set -e
		test "$FTPS_URL" = "ftp://$FTPS_USER:$FTPS_PASSWORD@$FTPS_HOST:$FTPS_PORT/"
		test "$FTPS_IMPLICIT_URL" = "ftps://$FTPS_USER:$FTPS_PASSWORD@$FTPS_HOST:$FTPS_IMPLICIT_PORT/"
		curl -sS --ssl-reqd --cacert "$FTPS_CA_FILE" -T - "${FTPS_URL}a.txt"
		cat "$FTPS_ROOT/a.txt"
		curl -sS --cacert "$FTPS_CA_FILE" "${FTPS_IMPLICIT_URL}a.txt"
	`)
	require.Zero(t, status)
	require.Equal(t, "from outside\nfrom outside\n", out)
}

func TestEndpointHasStatusOfCommand(t *testing.T) {
	status, out := testCommand(t, "exit 7", "--memory")
	require.Equal(t, 7, status)
	require.Empty(t, out)
	status, _ = testCommand(t, "kill -9 $$")
	require.Equal(t, statusFailed, status)
}

// A signal to the server is passed on to the command, whose end the server
// waits for.
func TestEndpointEndsCommand(t *testing.T) {
	status, out := testCommand(t, `trap 'echo ended; exit 0' TERM; kill -TERM $PPID; while :; do sleep 0.05; done`)
	require.Equal(t, statusFailed, status)
	require.Equal(t, "ended\n", out)
}

// The variables of the command's environment are those in the help.
func TestEnvironmentIsDocumented(t *testing.T) {
	for _, variable := range new(facts).environment() {
		name, _, _ := strings.Cut(variable, "=")
		require.Contains(t, testUsage, name)
	}
}
