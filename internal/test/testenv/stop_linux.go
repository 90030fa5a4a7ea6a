package testenv

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Stop stops a process with SIGSTOP, and returns when it has stopped: the signal
// alone lets its threads go on for as long as the one that was chosen to take it
// waits for a processor.
func Stop(t testing.TB, pid int) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		return err == nil && strings.Contains(string(status), "State:\tT")
	}, time.Minute, time.Millisecond)
}
