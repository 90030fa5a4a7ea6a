package main

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var garbage []byte

// Memory of a burst of work goes back to the system without another burst.
func TestTidy(t *testing.T) {
	garbage = make([]byte, 64<<20)
	for i := 0; i < len(garbage); i += 4096 {
		garbage[i] = 1
	}
	garbage = nil
	go tidy(t.Context())
	require.Eventually(t, func() bool {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse < 32<<20 && m.HeapReleased > 32<<20
	}, time.Minute, 50*time.Millisecond)
}
