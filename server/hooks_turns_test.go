package server_test

import (
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// Hooks of one session run one at a time, also when a transfer ends while a slow hook
// hears of a command that came during the transfer. Other sessions don't wait.
func TestHooksOfOneSession(t *testing.T) {
	var running, most atomic.Int32
	slow := func(session server.SessionInfo) {
		if session.Peer.Addr() != memClient {
			return
		}
		most.Store(max(most.Load(), running.Add(1)))
		time.Sleep(time.Second)
		running.Add(-1)
	}
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR a")
		_, err := io.WriteString(data, "x")
		require.NoError(t, err)
		for range 3 {
			c.send("NOOP")
			c.send("STAT")
		}
		time.Sleep(1500 * time.Millisecond) // the hook of a NOOP runs meanwhile
		require.NoError(t, data.Close())
		began := time.Now()
		other := fs.from(t, "198.51.100.8")
		other.expect(220)
		other.login()
		other.cmd(200, "NOOP")
		require.Zero(t, time.Since(began))
		for range 3 {
			c.expect(200)
			c.expect(211)
		}
		c.expect(226)
		c.cmd(221, "QUIT")
		synctest.Wait()
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, most.Load())
	}, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{
			Connect:    slow,
			Login:      func(x server.Login) { slow(x.Session) },
			Logout:     slow,
			Command:    func(x server.Command) { slow(x.Session) },
			Reply:      func(s server.SessionInfo, _ server.Reply) { slow(s) },
			Transfer:   func(x server.Transfer) { slow(x.Session) },
			Disconnect: func(s server.SessionInfo, _ error) { slow(s) },
		}
	})
}

// While a hook hears of a connection that is refused no other is accepted.
func TestRefuseHoldsUpAccepting(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.in(t)
		fs.from(t, "198.51.100.8").expect(421)
		began := time.Now()
		fs.from(t, "198.51.100.9").expect(421)
		require.Equal(t, time.Minute, time.Since(began))
	}, func(srv *server.Server) {
		srv.MaxSessions = 1
		srv.Hooks = &server.Hooks{Refuse: func(server.Refusal) { time.Sleep(time.Minute) }}
	})
}
