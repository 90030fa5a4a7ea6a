package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How often tidy looks, and what counts as quiet and as worth it.
const (
	tidyEvery = 500 * time.Millisecond
	quiet     = 256 << 10 // bytes allocated since the last look
	worthIt   = 256 << 10 // bytes allocated since the last time, and
	worthPart = 20        // this part of what is in use

	// headroom is how much may be allocated at least between two collections.
	// What is in use is a few MiB, and collecting as often as Go does then by
	// itself takes 8 % of the CPU that small files cost.
	headroom   = 12 << 20
	maxPercent = 300
)

// tidy suits the collector to a server, until ctx ends. While clients are at work
// it lets garbage grow to some MiB. When the server has become quiet it gives
// memory back to the system: a hundred clients that log in at once leave
// handshakes behind that the next collection would find only when as much again
// was allocated, which on a quiet server is never.
func tidy(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	var last, tidied uint64
	still := 0
	for percent := 0; ; {
		metrics.Read(samples)
		now, live := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		if p := gcPercent(live); p != percent && os.Getenv("GOGC") == "" {
			percent = p
			debug.SetGCPercent(percent)
		}
		if still++; now-last >= quiet {
			still = 0
		}
		// The second time, when sessions have given back their stacks.
		if still >= 2 && now-tidied > max(worthIt, live/worthPart) {
			debug.FreeOSMemory()
			metrics.Read(samples)
			now = samples[0].Value.Uint64()
			tidied = now
		}
		last = now
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// gcPercent is how much garbage may come to what is in use, in percent: headroom
// as long as that is little, and then as much again, as Go does by itself. It
// comes in steps, because each change stops the program for a moment.
func gcPercent(live uint64) int {
	const step = 50
	percent := int(100 * headroom / max(live, 1<<20))
	return min(max(percent-percent%step, 100), maxPercent)
}
