package server

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The table of addresses with refused logins has a bound, whoever fills it, and
// forgets the old before the new.
func TestFailuresAreBounded(t *testing.T) {
	var f failures
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range 5 * maxFailures {
		f.add(addr(i), now)
		require.LessOrEqual(t, len(f.by), maxFailures)
	}
	old := now
	now = now.Add(failureMemory + 1)
	f = failures{}
	for i := range maxFailures {
		f.add(addr(i), map[bool]time.Time{true: old, false: now}[i%2 == 0])
	}
	f.add(addr(maxFailures), now)
	require.Len(t, f.by, maxFailures/2+1)
	require.Equal(t, 2*firstDelay, f.add(addr(1), now))
	require.Equal(t, firstDelay, f.add(addr(0), now))
	require.Equal(t, longestDelay, delay(1<<30))
	require.Equal(t, firstDelay, f.add(netip.Addr{}, now))
}
