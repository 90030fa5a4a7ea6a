// Package examples holds programs of one idea each, and tests that run them as
// their users would.
package examples

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver/s3/internal/s3test"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	user     = "alice"
	password = "wonderland"
)

// build builds an example as its users do, without the race detector.
func build(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./"+name).CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
	return file
}

// start runs a program until the test ends, with the keys of the store, and waits
// until it listens.
func start(t *testing.T, file, listen string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(file, args...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+s3test.AccessKey, "AWS_SECRET_ACCESS_KEY="+s3test.SecretKey)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s %q:\n%s", filepath.Base(file), args, &said)
		}
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			conn.Close()
			return cmd
		}
		require.True(t, time.Now().Before(end), "%s does not listen", filepath.Base(file))
	}
}
