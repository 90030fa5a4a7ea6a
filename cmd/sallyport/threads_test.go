package main

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	type look struct {
		busy float64
		late time.Duration
	}
	for name, test := range map[string]struct {
		looks []look
		want  string // one or several CPUs after each look
	}{
		"nothing to do":     {[]look{{}, {}}, "oo"},
		"more is believed":  {[]look{{}, {0.9, 0}, {}}, "oss"},
		"less has to last":  {[]look{{1, 0}, {}, {}, {0.8, 0}, {}, {}, {}, {}, {}}, "sssssssso"},
		"in between":        {[]look{{0.8, 0}, {0.7, 0}, {0.8, 0}, {0.86, 0}, {0.8, 0}}, "oooss"},
		"many CPUs":         {[]look{{3.5, 0}, {3.5, 0}}, "ss"},
		"kept from working": {[]look{{0.4, 20 * time.Millisecond}, {}}, "ss"},
		"a little late":     {[]look{{0.4, time.Millisecond}}, "o"},
	} {
		t.Run(name, func(t *testing.T) {
			var p pace
			var got strings.Builder
			for _, l := range test.looks {
				if p.adjust(l.busy, l.late) {
					got.WriteByte('s')
				} else {
					got.WriteByte('o')
				}
			}
			require.Equal(t, test.want, got.String())
		})
	}
}

// A quiet process runs on one CPU, a busy one on as many as Go chooses. At its end fewThreads
// restores the number.
func TestFewThreads(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	runtime.SetDefaultGOMAXPROCS()
	all := runtime.GOMAXPROCS(0)
	if all == 1 {
		fewThreads(t.Context(), 0) // returns at once: there is nothing to decide
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	var looking, working sync.WaitGroup
	looking.Go(func() { fewThreads(ctx, 0) })
	comesTo := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return runtime.GOMAXPROCS(0) == n }, time.Minute, 20*time.Millisecond)
	}
	comesTo(1)
	var enough atomic.Bool
	working.Go(func() {
		for !enough.Load() {
		}
	})
	comesTo(all)
	enough.Store(true)
	working.Wait()
	comesTo(1)
	cancel()
	looking.Wait()
	require.Equal(t, all, runtime.GOMAXPROCS(0))
}

// A GOMAXPROCS that the operator has set stays.
func TestFewThreadsAsSet(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	was := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(was)
	fewThreads(t.Context(), 0) // returns at once
	require.Equal(t, 2, runtime.GOMAXPROCS(0))
}

// A process that can't ask the system uses as many CPUs as it was told, not as many as Go sees.
func TestFewThreadsAsTold(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	defer runtime.SetDefaultGOMAXPROCS()
	const told = 3
	runtime.GOMAXPROCS(told)
	ctx, cancel := context.WithCancel(t.Context())
	var looking, working sync.WaitGroup
	looking.Go(func() { fewThreads(ctx, told) })
	comesTo := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return runtime.GOMAXPROCS(0) == n }, time.Minute, 20*time.Millisecond)
	}
	comesTo(1)
	var enough atomic.Bool
	working.Go(func() {
		for !enough.Load() {
		}
	})
	comesTo(told)
	enough.Store(true)
	working.Wait()
	comesTo(1)
	cancel()
	looking.Wait()
	require.Equal(t, told, runtime.GOMAXPROCS(0))
}
