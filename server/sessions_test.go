package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// Sessions tells since when each session is logged in and idle.
func TestSessionTimes(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, memClient.String())
		c.expect(220)
		started := time.Now()
		time.Sleep(time.Second)
		synctest.Wait()
		info := fs.Sessions()[0]
		require.Zero(t, info.LoggedIn)
		require.Equal(t, started, info.IdleSince)

		as(c, "u")
		in := time.Now()
		time.Sleep(2 * time.Second)
		c.cmd(257, "PWD")
		last := time.Now()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		info = fs.Sessions()[0]
		require.Equal(t, in, info.LoggedIn)
		require.Equal(t, last, info.IdleSince)
		require.Empty(t, info.Doing)

		c.cmd(331, "USER other")
		synctest.Wait()
		require.Zero(t, fs.Sessions()[0].LoggedIn, "logged out")
	}, policies(map[string]driver.Policy{"u": {}}))
}
