package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// logrotate itself moves the logs of a running server away, as the documents show and in each of its ways: earlier
// lines are in the old files, later ones in the new files.
func TestLogrotate(t *testing.T) {
	program := testenv.NeedBinary(t, "logrotate")
	testenv.NeedRoot(t) // logrotate refuses files of other users
	_, documented, found := strings.Cut(documents(t)["operating.md"], "/var/log/sallyport/*.log {")
	require.True(t, found)
	documented, _, _ = strings.Cut(documented, "}")
	documented = strings.Replace(documented, "compress\n", "", 1) // leaves the files readable for the test
	for _, how := range []string{"", "create 0600 root root", "nocreate", "copytruncate"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Chmod(dir, 0o755))
			logs := map[string]string{"log": filepath.Join(dir, "sallyport.log"), "audit-log": filepath.Join(dir, "audit.log")}
			text := alice
			for option, file := range logs {
				text = fmt.Sprintf("%s = %q\n", option, file) + text
			}
			p := startConfigured(t, text)
			put := func(name string) {
				c, err := p.with(t, "alice", "secret")
				require.NoError(t, err)
				require.NoError(t, c.Put("STOR "+name, "x"))
				require.NoError(t, c.Close())
				for _, file := range logs { // the server's own log is written without anybody waiting
					require.Eventually(t, func() bool {
						text, err := os.ReadFile(file)
						return err == nil && strings.Contains(string(text), "/"+name)
					}, time.Minute, 10*time.Millisecond, "%s in %s", name, file)
				}
			}
			config := filepath.Join(t.TempDir(), "config")
			require.NoError(t, os.WriteFile(config, []byte(dir+"/*.log {\n"+documented+"\n"+how+"\n}\n"), 0o644))
			names := []string{"first", "second", "third"}
			for i, name := range names {
				if i > 0 {
					out, err := exec.CommandContext(t.Context(), program, "--force", "--state", filepath.Join(filepath.Dir(config), "state"), config).CombinedOutput()
					require.NoError(t, err, "%s", out)
				}
				put(name)
			}
			p.terminate(t)
			require.Zero(t, p.end(t))
			for _, file := range logs {
				for i, name := range names {
					at := file
					if age := len(names) - 1 - i; age > 0 {
						at += fmt.Sprint(".", age)
					}
					for _, other := range names {
						has := strings.Contains(strings.Join(linesOf(t, at), "\n"), "/"+other)
						require.Equal(t, name == other, has, "%s in %s", other, at)
					}
				}
			}
		})
	}
}
