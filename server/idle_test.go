package server_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// A parked session goes on with the next command as if nothing had been, and is
// parked again.
func TestIdleSessions(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]func(*testServer, *testing.T) *client{
		"TLS":   func(ts *testServer, t *testing.T) *client { return ts.login(t) },
		"clear": func(ts *testServer, t *testing.T) *client { return ts.loginClear(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t, insecure)
			ts.writeFile(t, "a", "content")
			c := in(ts, t)
			for range 2 {
				time.Sleep(time.Second) // longer than parkAfter
				require.Equal(t, "content", c.get("RETR a"))
			}
			time.Sleep(time.Second)
			c.cmd(221, "QUIT")
			c.end()
			eventually(t, "the end of the session", func() bool { return len(ts.Sessions()) == 0 })
		})
	}
}

// The idle timeout and the end of the server reach sessions that are parked.
func TestIdleSessionsEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testServer, *testing.T){
		"idle":     func(*testServer, *testing.T) {},
		"shutdown": func(ts *testServer, t *testing.T) { require.NoError(t, ts.Shutdown(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t, func(srv *server.Server) { srv.IdleTimeout = 2500 * time.Millisecond })
			c := ts.login(t)
			time.Sleep(time.Second)
			end(ts, t)
			c.expect(421)
			c.end()
		})
	}
	t.Run("client gone", func(t *testing.T) {
		t.Parallel()
		ts := start(t)
		c := ts.login(t)
		time.Sleep(time.Second)
		c.Conn.Close()
		eventually(t, "the end of the session", func() bool { return len(ts.Sessions()) == 0 })
	})
}
