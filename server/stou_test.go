package server_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names that STOU gives out are unique though no file of the name exists yet.
func TestStouTogether(t *testing.T) {
	for name, files := range written(t) {
		ts := start(t, insecure, withFiles(files))
		seen := make(map[string]bool)
		var ends []func()
		for range 5 {
			c := ts.loginClear(t)
			conn := c.dataTCP(c.pasv())
			file, ok := strings.CutPrefix(c.cmd(150, "STOU new").String(), "150 FILE: /")
			require.True(t, ok)
			require.False(t, seen[file], "%s: %s twice", name, file)
			seen[file] = true
			ends = append(ends, func() {
				_, err := io.WriteString(conn, file)
				require.NoError(t, err)
				conn.Close()
				c.expect(226)
				require.Equal(t, file, readFile(t, files, file))
			})
		}
		for _, end := range ends {
			end()
		}
		require.True(t, seen["new"])
	}
}
