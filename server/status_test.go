package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A listing within the reply to STAT has an end whatever is in the directory, and
// says how many entries it shows. While the client reads nothing the listing takes
// no more memory than 96 KiB of lines.
func TestStatIsBounded(t *testing.T) {
	ts := start(t)
	for _, dir := range []string{"short", "long"} {
		require.NoError(t, ts.FS.Mkdir(t.Context(), dir))
	}
	for i := range 1100 {
		ts.writeFile(t, fmt.Sprintf("short/%04d", i), "")
		ts.writeFile(t, fmt.Sprintf("long/%0250d", i), "")
	}
	c := ts.login(t)
	r := c.cmd(213, "STAT short")
	require.Len(t, r.Lines, 1+1000+1)
	require.Contains(t, r.String(), "only the first 1000 entries are shown, use LIST.")

	r = c.cmd(213, "STAT long")
	require.Less(t, len(r.String()), 97<<10)
	require.Greater(t, len(r.String()), 95<<10)
	require.Contains(t, r.String(), fmt.Sprintf("only the first %d entries are shown", len(r.Lines)-2))
	require.Contains(t, r.Lines[len(r.Lines)-2], strings.Repeat("0", 246))
}
