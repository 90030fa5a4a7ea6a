// Package testenv says what a test may expect of the machine it runs on. On a
// developer's machine a test that lacks a program is skipped and says why; in
// continuous integration such a test fails, so that nothing goes untested
// unnoticed.
package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// CI reports whether the tests run in continuous integration, where nothing
// that a test needs may be missing.
func CI() bool { return os.Getenv("CI") != "" }

// NeedBinary returns the path of a program. Without it the test is skipped, or
// fails in continuous integration.
func NeedBinary(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "%s is not installed", name)
	}
	return path
}

// NeedRoot skips the test if it does not run as root, or fails it in continuous
// integration.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "not running as root")
	}
}

// Missing skips the test because of something the machine lacks, or fails it in
// continuous integration. It does not return.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if CI() {
		t.Fatalf("%s, and with CI set nothing may be skipped", why)
	}
	t.Skip(why)
}
