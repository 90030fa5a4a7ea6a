package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The memory of where sessions came from has a bound, and is given back once the
// operator was told.
func TestOriginsAreBounded(t *testing.T) {
	var o origins
	now := time.Unix(0, 0)
	for i := range 3 * maxOrigins {
		require.False(t, o.note(net4(i), now))
		require.LessOrEqual(t, len(o.recent), maxOrigins)
		require.LessOrEqual(t, len(o.counts), maxOrigins)
	}
	now = now.Add(suspectFor + 1)
	for i := range suspectSessions {
		require.Equal(t, i == suspectSessions-1, o.note(net4(1), now))
	}
	require.Empty(t, o.recent)
	require.Empty(t, o.counts)
}
