package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How often tidy looks, when it takes the server to be quiet, and when tidying
// is worth while.
const (
	tidyEvery = 500 * time.Millisecond
	quiet     = 256 << 10 // bytes allocated since the last look
	worthIt   = 256 << 10 // bytes allocated since tidy gave memory back, and
	worthPart = 20        // this part of what is in use
)

// tidy gives memory back to the system when the server has become quiet, until
// ctx ends. A hundred clients that log in at once leave handshakes in memory,
// which would be collected only after as much again was allocated: on a quiet
// server that never happens. tidy does nothing while the server is busy.
func tidy(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	var last, tidied uint64
	still := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(samples)
		now, live := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		if still++; now-last >= quiet {
			still = 0
		}
		// Waits for the second quiet look, when sessions have given back their
		// stacks.
		if still >= 2 && now-tidied > max(worthIt, live/worthPart) {
			debug.FreeOSMemory()
			metrics.Read(samples)
			now = samples[0].Value.Uint64()
			tidied = now
		}
		last = now
	}
}
