//go:build linux

package hand

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A hand has a timer as long as questions come, and none once it has given memory back.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quiet
		watched := func() bool { synctest.Wait(); return q.watched.Load() }
		for range 2 {
			for range 10 {
				q.disturb()
				time.Sleep(quietAfter - 1)
				require.True(t, watched())
			}
			time.Sleep(2*quietAfter + 1)
			require.False(t, watched())
		}
	})
}
