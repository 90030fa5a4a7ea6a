package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// A guess of a password after an upgrade waits as long as it would have waited without. The bound is a lower one, so a
// slow machine can't make the test fail.
func TestEnginesDelays(t *testing.T) {
	u := startUpgradable(t, "max-login-failures = 10", 3, func(*exec.Cmd) {})
	old := u.mustLogin(t, "alice")
	for range 3 {
		failLogin(t, old)
	}
	u.upgrade(t)
	young := u.mustLogin(t, "alice")
	start := time.Now()
	failLogin(t, young)
	failLogin(t, young)
	require.GreaterOrEqual(t, time.Since(start), 4*time.Second, "the delay after the fourth refusal; after the first it is half a second")
}

// A user's rate holds for the downloads of an old and a new engine together. Counts are exchanged once a second, so the
// bound is far above the rate, and far below what two engines would send without.
func TestEnginesRates(t *testing.T) {
	const rate = 200_000
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	require.NoError(t, os.Truncate(emptyFile(t, filepath.Join(u.homes, "bob", "large"), bobUID), 1<<30))
	u.rewrite(t, u.text("")+fmt.Sprintf("rate-down = \"%d B/s\"\n", rate), reread) // ends with the table of bob
	fetch := func(c *ftpclient.Client) {
		data, err := c.Open("RETR large")
		require.NoError(t, err)
		t.Cleanup(func() { data.Close() })
		go io.Copy(io.Discard, data)
	}
	first := u.mustLogin(t, "bob")
	u.upgrade(t)
	second := u.mustLogin(t, "bob")
	start := time.Now()
	fetch(first)
	fetch(second)
	time.Sleep(15 * time.Second) // the engines are processes, whose time can't be faked, and tell each other every second
	var sum int64
	for _, s := range told[sessionList](t, u.controlled, "sessions").Sessions {
		require.NotZero(t, s.Transferred)
		sum += s.Transferred
	}
	require.Less(t, float64(sum), 1.5*rate*time.Since(start).Seconds())
}

// emptyFile makes a file of a user.
func emptyFile(t *testing.T, path string, uid int) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chown(path, uid, uid))
	return path
}
