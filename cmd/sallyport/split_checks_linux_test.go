package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The sandbox of a hand refuses no question by which an upload that can't succeed is known before 150.
func TestSplitChecksStore(t *testing.T) {
	for _, how := range []string{sandboxBestEffort, sandboxOff} {
		s := startSplit(t, "sandbox = \""+how+"\"", 3)
		shared := filepath.Join(s.homes, "shared")
		s.rewrite(t, strings.ReplaceAll(s.text("sandbox = \""+how+"\""), filepath.Join(s.homes, "bob"), shared), reread)
		for dir, mode := range map[string]os.FileMode{"sticky": 0o777 | os.ModeSticky, "fixed": 0o777, "adds": 0o777, "closed": 0o755} {
			p := filepath.Join(shared, dir)
			require.NoError(t, os.Mkdir(p, 0o777))
			for name, uid := range map[string]int{"hers": aliceUID, "his": bobUID} {
				require.NoError(t, os.WriteFile(filepath.Join(p, name), []byte("0123456789"), 0o666))
				require.NoError(t, os.Chmod(filepath.Join(p, name), 0o666))
				require.NoError(t, os.Chown(filepath.Join(p, name), uid, uid))
			}
			require.NoError(t, os.Chmod(p, mode))
		}
		require.NoError(t, os.Chmod(filepath.Join(shared, "fixed", "his"), 0o400))
		refused := []string{"STOR sticky/hers", "APPE sticky/hers", "STOR fixed/his", "STOR closed/new", "STOR closed/his"}
		for dir, flag := range map[string]string{"fixed": "i", "adds": "a"} {
			p := filepath.Join(shared, dir)
			if exec.Command("chattr", "+"+flag, p).Run() == nil { // as far as the file system can
				t.Cleanup(func() { _ = exec.Command("chattr", "-"+flag, p).Run() })
				refused = append(refused, "STOR "+dir+"/hers")
			}
		}
		c := s.mustDial(t, "bob")
		for _, line := range refused {
			_, err := c.EPSV()
			require.NoError(t, err)
			require.NoError(t, c.Send(line))
			reply, err := c.ReadReply()
			require.NoError(t, err)
			require.Contains(t, reply.String(), "550", "%s, sandbox %s", line, how)
		}
		require.NoError(t, c.Put("STOR sticky/his", "new"), how)
		require.NoError(t, c.Put("STOR sticky/new", "new"), how)
	}
}
