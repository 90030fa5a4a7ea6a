package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// variant builds the program from sources of which one has another text in one place.
func variant(t *testing.T, source, text, other string) (file string) {
	t.Helper()
	source, err := filepath.Abs(source)
	require.NoError(t, err)
	whole, err := os.ReadFile(source)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(whole), text), "%s in %s", text, source)
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(source))
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(string(whole), text, other, 1)), 0o644))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay"), overlay, 0o644))
	file = filepath.Join(dir, "sallyport")
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-overlay", filepath.Join(dir, "overlay"), "-o", file, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// A server takes over from another build of the program if both have the same messages and the same way to take over.
// Otherwise the upgrade is refused with the reason, before anything has changed, and sessions and logins notice
// nothing.
func TestUpgradeToAnotherVersion(t *testing.T) {
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	c := u.mustLogin(t, "alice")
	before := u.processes(t)
	for _, v := range []struct{ source, text, other, problem string }{
		{"internal/channel/message.go", "const Version = 2\n", "const Version = 77\n", "can't be upgraded to this program, whose processes send other messages (version 77, and not 2); restart it"},
		{"handover_linux.go", "const takeOverVersion = 3\n", "const takeOverVersion = 77\n", "can't be upgraded to this program, which knows another way to take over (77, and not 3); restart it"},
	} {
		u.install(t, variant(t, v.source, v.text, v.other))
		out, code := u.ask(t, nil, "upgrade")
		require.Equal(t, statusUsage, code, out)
		require.Contains(t, out, v.problem)
		for _, name := range []string{"keeper", "engine", "signer", "clerk"} {
			require.Equal(t, before[name].PID, u.processes(t)[name].PID)
		}
		require.NoError(t, there(c, "file"))
		require.NoError(t, there(u.mustLogin(t, "bob"), "file"))
	}
	u.install(t, variant(t, "options.go", `greeting: "FTP server ready."`, `greeting: "Another build is ready."`))
	u.upgrade(t)
	require.NoError(t, there(c, "old"))
	require.NoError(t, there(u.mustLogin(t, "bob"), "young"))
	conn, err := net.Dial("tcp", u.fact(t, "explicit FTPS"))
	require.NoError(t, err)
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "220 Another build is ready.\r\n", line)
}
