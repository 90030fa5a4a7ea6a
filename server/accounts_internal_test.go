package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// The debt of an account is kept after the last logout until the debt is paid, also
// when sessions come and go meanwhile. Then it is forgotten.
func TestDebtIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := &Server{holdings: make(map[string]*holding)}
		srv.settings.Store(&inForce{})
		known := func() int {
			srv.mu.Lock()
			defer srv.mu.Unlock()
			return len(srv.holdings)
		}
		visit := func(bytes int64) {
			s := &session{srv: srv}
			s.policy.Policy = driver.Policy{DownloadRate: 100}
			require.NoError(t, srv.enterAccount(t.Context(), s, "a"))
			if bytes > 0 {
				s.meter(false).moved(bytes)
			}
			srv.leaveAccount(s)
		}
		visit(0)
		require.Zero(t, known())
		visit(1000)
		for range 9 {
			time.Sleep(time.Second)
			visit(0)
			require.Equal(t, 1, known())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Zero(t, known())
	})
}
