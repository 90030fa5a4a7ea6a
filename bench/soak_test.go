//go:build linux

package main

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSoak runs a soak of a few seconds with ports that are given up at once.
// It doesn't judge memory, which would have to come to rest first.
func TestSoak(t *testing.T) {
	s := usualSoak(furnished(t), 3*time.Second, t.Output())
	s.warmUp, s.every, s.pause = time.Second, time.Second, 50*time.Millisecond
	s.ttl, s.idle = 10*time.Second, 100*time.Millisecond // on a busy machine a client takes seconds to use its port
	s.heap, s.memory = math.MaxInt64/2, math.MaxInt64/2
	var out strings.Builder
	require.NoError(t, s.run(t.Context(), &out), &out)
	t.Log(out.String())
	require.NotContains(t, out.String(), "has grown")
}

func TestSoakInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(300*time.Millisecond, func() { cancel(errors.New("enough")) })
	s := usualSoak(furnished(t), time.Hour, t.Output())
	require.ErrorContains(t, s.run(ctx, t.Output()), "enough")
}

// TestVisits checks that each kind of visit does what it is meant to.
func TestVisits(t *testing.T) {
	s := furnished(t)
	c, err := startChild(t.Context(), &s, time.Second, 100*time.Millisecond)
	require.NoError(t, err)
	defer c.stop()
	l := &load{instance: c.instance, setup: &s}
	require.NoError(t, soakFiles(l))
	d, err := l.dialer()
	require.NoError(t, err)
	for i, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			require.NoError(t, k.visit(newVisitor(d, i, new(visits)), t.Context()))
		})
	}
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(filepath.Join(s.root, "up"))
		return err == nil && len(entries) == 0
	}, 10*time.Second, 10*time.Millisecond, "of uploads that were cut or deleted")
}

func TestGrown(t *testing.T) {
	start := holdings{{"sessions", 0, 0, count}, {"heap", 1 << 20, 1 << 10, inBytes}}
	end := holdings{{"sessions", 0, 0, count}, {"heap", 1<<20 + 1<<10, 1 << 10, inBytes}}
	require.Empty(t, end.over(start))
	require.NotContains(t, compare(start, end), "has grown")
	end[0].value, end[1].value = 1, end[1].value+1
	require.Equal(t, []string{"sessions", "heap"}, end.over(start))
	require.Equal(t, 2, strings.Count(compare(start, end), "has grown"))
}

func TestVisitsCount(t *testing.T) {
	seen := new(visits)
	require.NoError(t, seen.failure())
	seen.add(kind{name: "rude", rude: true}, errors.New("as expected"))
	require.NoError(t, seen.failure())
	seen.add(kind{name: "downloads"}, nil)
	seen.add(kind{name: "downloads"}, errors.New("226 never came"))
	require.EqualError(t, seen.failure(), "1 visits failed: downloads: 226 never came")
	require.Equal(t, "3 visits, 1 failed", seen.String())
}
