package realclient

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Build builds the program in the directory of the test and returns its file.
func Build(t testing.TB) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "program.exe") // Windows runs only files that end in .exe
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

// Start runs a program until the test ends and returns when it listens on addr. The
// test may kill its process earlier, and must not wait for it.
func Start(t testing.TB, addr, file string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(file, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = t.Output(), t.Output(), os.Environ()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return cmd
		}
		select {
		case err := <-ended:
			ended <- err // for the cleanup
			t.Fatalf("ended at once: %v", err)
		default:
		}
	}
	t.Fatal("does not listen")
	return nil
}
