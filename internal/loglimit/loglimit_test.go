package loglimit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var share Share
		written := func(events int) (n int, dropped uint64) {
			for range events {
				ok, d := share.Allow()
				if ok {
					n, dropped = n+1, dropped+d
				}
			}
			return n, dropped
		}
		expect := func(events, wantWritten int, wantDropped uint64) {
			t.Helper()
			n, dropped := written(events)
			require.Equal(t, wantWritten, n)
			require.Equal(t, wantDropped, dropped)
		}
		expect(3*Burst, Burst, 0)
		time.Sleep(Period - time.Nanosecond)
		expect(1, 0, 0)
		time.Sleep(time.Nanosecond)
		expect(1, 1, 2*Burst+1) // told once
		expect(1, 1, 0)
		time.Sleep(10 * Period)
		expect(2*Burst, Burst, 0) // nothing was saved up
		time.Sleep(Period)
		expect(Burst, Burst, Burst)
	})
}
