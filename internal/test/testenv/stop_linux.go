package testenv

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Stop stops a process with SIGSTOP, and returns when it has stopped: after the
// signal its threads still run for as long as the thread that is to handle it
// waits for a processor.
func Stop(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(string(status), "State:\tT"):
			return
		case time.Now().After(end):
			t.Fatalf("process %d goes on after SIGSTOP:\n%s", pid, status)
		}
	}
}
