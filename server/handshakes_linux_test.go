package server_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Row 10: nothing is computed for clients that hung up before their turn. Somebody who replays
// a ClientHello could otherwise have as many computed as can connect in a second, at no cost.
func TestAbandonedHandshakes(t *testing.T) {
	var key heldKey
	ts := start(t, key.hold(netip.MustParseAddr("127.0.0.1")))
	each := placesOfOne()
	hello := firstFlight(t, trust(certificate()))
	for range each {
		dialTCP(t, ts.ImplicitAddr).Write(hello)
	}
	eventually(t, "the first turns", func() bool { return int(key.signing.Load()) == each })
	for range 50 {
		conn := dialTCP(t, ts.ImplicitAddr)
		conn.Write(hello)
		conn.Close()
	}
	close(key.held)
	eventually(t, "the end of who hung up", func() bool { return len(ts.Sessions()) <= each })
	// A place that is held for a second becomes free for whoever waits: on a busy machine for
	// a client that has yet to hang up.
	require.Less(t, int(key.signing.Load()), each+5)
	require.NotEmpty(t, ts.lines("hung up before its handshake's turn"))
}
