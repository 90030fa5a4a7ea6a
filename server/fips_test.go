package server_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// With GODEBUG=fips140=on crypto/tls drops X25519, so a key exchange that this
// server narrows to X25519 alone would be none at all, and each data connection
// that resumes its session would fail. The mode is chosen when a process starts,
// so the transfers are done by another run of this test.
func TestResumedTransferUnderFIPS(t *testing.T) {
	if fips140.Enabled() {
		transferResumed(t)
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestResumedTransferUnderFIPS$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "resumed under FIPS 140", "the other run has transferred nothing")
}

func transferResumed(t *testing.T) {
	ts := start(t)
	c := ts.login(t)
	for range 2 {
		c.put("some", "STOR a")
		require.True(t, ts.lastTransfer(t).Resumed)
		require.Equal(t, "some", c.get("RETR a"))
		require.True(t, ts.lastTransfer(t).Resumed)
	}
	t.Log("resumed under FIPS 140")
}
