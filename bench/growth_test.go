//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// furnished returns a setup whose data ports the system chooses.
func furnished(t *testing.T) setup {
	t.Helper()
	s := setup{ports: "any"}
	require.NoError(t, s.furnish(t.TempDir()))
	return s
}

func TestGrowth(t *testing.T) {
	g := &growth{
		setup: furnished(t), progress: t.Output(),
		turns: []int{1, 3}, files: 6, rests: []int{2}, rest: time.Millisecond, entries: []int{50}, rounds: 1,
	}
	var out strings.Builder
	require.NoError(t, g.run(t.Context(), &out))
	t.Log(out.String())
	require.Equal(t, 3, strings.Count(out.String(), "\n\n"))
}

// TestChild checks that the counters of a child rise and fall with what
// clients do.
func TestChild(t *testing.T) {
	s := furnished(t)
	c, err := startChild(t.Context(), &s, time.Minute, time.Minute)
	require.NoError(t, err)
	defer c.stop()
	before, err := c.look(true)
	require.NoError(t, err)
	require.Zero(t, before.Sessions+before.Leases+before.Listeners)
	require.Positive(t, before.Goroutines)
	require.Positive(t, before.Heap)

	d, err := (&load{instance: c.instance, setup: &s}).dialer()
	require.NoError(t, err)
	client, err := d.login(t.Context())
	require.NoError(t, err)
	client.renew()
	during, err := c.look(true)
	require.NoError(t, err)
	require.Equal(t, 1, during.Sessions)
	require.Equal(t, 1, during.Leases)
	require.Equal(t, 1, during.Listeners)
	require.Greater(t, during.Goroutines, before.Goroutines)
	require.NoError(t, client.quit())

	require.Eventually(t, func() bool {
		after, err := c.look(false)
		return err == nil && after.Sessions == 0 && after.Leases == 0
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, c.stop())
}

func TestChildThatCannotStart(t *testing.T) {
	s := furnished(t)
	s.cert = filepath.Join(t.TempDir(), "missing.pem")
	_, err := startChild(t.Context(), &s, 0, 0)
	require.ErrorContains(t, err, "start the server")
}
