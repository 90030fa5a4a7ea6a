//go:build linux

package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shell runs a script in the way servers are run, until the test ends. It
// returns once the script has printed a line.
func shell(t *testing.T, script string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return cmd.Process.Pid
}

// burn is a loop in shell that takes some tenths of a second, which is much
// more than a tick.
const burn = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; `

func TestTreeCPU(t *testing.T) {
	idle, err := treeCPU(shell(t, `echo ready; read forever`))
	require.NoError(t, err)
	require.Less(t, idle, 50*time.Millisecond)
	for name, script := range map[string]string{
		"itself":          burn + `echo ready; exec sleep 60`,
		"a child":         `(` + burn + `echo ready; exec sleep 60) & wait`,
		"a grandchild":    `( (` + burn + `echo ready; exec sleep 60) & wait) & wait`,
		"an ended child":  `(` + burn + `); echo ready; exec sleep 60`,
		"an ended branch": `( (` + burn + `); true); echo ready; exec sleep 60`,
	} {
		t.Run(name, func(t *testing.T) {
			used, err := treeCPU(shell(t, script))
			require.NoError(t, err)
			require.Greater(t, used, idle+20*time.Millisecond)
		})
	}
	_, err = treeCPU(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTreePSS(t *testing.T) {
	alone, err := treePSS(shell(t, `echo ready; exec sleep 60`))
	require.NoError(t, err)
	require.Positive(t, alone)
	several, err := treePSS(shell(t, `sleep 60 & sleep 60 & (sleep 60 & echo ready; wait) & wait`))
	require.NoError(t, err)
	require.Greater(t, several, alone)
	_, err = treePSS(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestParseStat(t *testing.T) {
	p, err := parseStat([]byte("12 (a) S (b) R 7 12 12 0 -1 4194560 1 2 3 4 50 60 150 25 20 0 1 0 99 0 0\n"))
	require.NoError(t, err)
	require.Equal(t, process{parent: 7, children: 1750 * time.Millisecond}, p)
	for _, bad := range []string{"", "12 (a)", "12 (a) R 7 12", "12 (a) R x 12 12 0 -1 0 1 2 3 4 5 6 7 8 9"} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestPSS(t *testing.T) {
	n, err := pss([]byte("1000-2000 ---p 00000000 00:00 0 [rollup]\nRss:    2000 kB\nPss:             12 kB\nPss_Dirty:  4 kB\n"))
	require.NoError(t, err)
	require.EqualValues(t, 12<<10, n)
	n, err = pss(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = pss([]byte("Rss: 1 kB\n"))
	require.Error(t, err)
}
