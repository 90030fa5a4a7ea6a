package server_test

import (
	"runtime"
	"testing"
)

// An idle session needs no goroutine. This test is not parallel to others, because
// it counts goroutines.
func TestIdleNeedsNoGoroutine(t *testing.T) {
	ts := start(t)
	ts.login(t)
	const sessions = 40
	before := runtime.NumGoroutine()
	clients := make([]*client, sessions)
	for i := range clients {
		clients[i] = ts.login(t)
	}
	eventually(t, "rest", func() bool { return runtime.NumGoroutine() < before+sessions/2 })
	for range 2 {
		for _, c := range clients {
			c.cmd(200, "NOOP")
		}
	}
	ts.Close()
	for _, c := range clients {
		c.Conn.Close()
	}
}
