package languages

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// bound is how long the tests of one language may take.
const bound = 2 * time.Minute

// The tests in other languages pass, and leave nothing behind.
func TestLanguages(t *testing.T) {
	if runtime.GOOS == "windows" {
		testenv.Missing(t, "programs have other names on Windows")
	}
	bin := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", bin, "../../cmd/sallyport").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("SALLYPORT", "") // as if the variable weren't there
	os.Unsetenv("SALLYPORT")

	t.Run("python", func(t *testing.T) {
		run(t, work(t, "python"), testenv.NeedBinary(t, "python3"), "-m", "unittest", "-v")
	})
	t.Run("node", func(t *testing.T) {
		node, npm := testenv.NeedBinary(t, "node"), testenv.NeedBinary(t, "npm")
		dir := work(t, "node")
		install := exec.CommandContext(t.Context(), npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts")
		install.Dir = dir
		if out, err := install.CombinedOutput(); err != nil {
			testenv.Missing(t, "npm can't install basic-ftp: %v\n%s", err, out)
		}
		run(t, dir, node, "--test")
	})
	t.Run("shell", func(t *testing.T) {
		testenv.NeedBinary(t, "curl")
		run(t, work(t, "shell"), testenv.NeedBinary(t, "sh"), "orders.sh")
	})
}

// work copies a directory, so that what is installed or compiled there is
// removed with the copy.
func work(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(name)))
	return dir
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	tmp := t.TempDir()
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "HOME="+dir)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	for _, pattern := range []string{"sallyport-test-*", "ftpstest*"} {
		left, err := filepath.Glob(filepath.Join(tmp, pattern))
		require.NoError(t, err)
		require.Empty(t, left, "files are left behind")
	}
}
