// Package examples holds programs of one idea each, and tests that run them as
// their users would.
package examples

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/driver/s3/internal/s3test"
	"github.com/sallyport/sallyport/internal/test/realclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/stretchr/testify/require"
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
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	return realclient.Start(t, listen, file, args...)
}
