package proxyproto

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever is turned away is told of, with the reason; a look whether the port is open
// is nobody, and data connections are the log's.
func TestRefused(t *testing.T) {
	type refusal struct{ from, reason string }
	var mu sync.Mutex
	var all []refusal
	protocol := func(trusted ...netip.Prefix) *Protocol {
		return &Protocol{Trusted: trusted, Refused: func(conn net.Conn, reason error) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, refusal{conn.RemoteAddr().String(), reason.Error()})
		}}
	}
	take := func() (taken []refusal) {
		mu.Lock()
		defer mu.Unlock()
		taken, all = all, nil
		return taken
	}

	d := open(t, protocol(netip.MustParsePrefix("192.0.2.0/24")), false)
	d.turnedAway(t, header(2, client, dialled))
	got := take()
	require.Len(t, got, 1)
	require.Contains(t, got[0].from, "127.0.0.1:")
	require.Equal(t, "proxyproto: it comes from outside of the trusted networks", got[0].reason)

	d = open(t, protocol(loopback...), false)
	d.turnedAway(t, []byte("USER alice\r\n"))
	got = take()
	require.Len(t, got, 1)
	require.Contains(t, got[0].reason, "its PROXY header is missing or wrong: ")
	c := d.dial(t)
	require.NoError(t, c.Close())
	d.dial(t, header(2, client, dialled))
	d.next(t)
	require.Empty(t, take())

	d = open(t, protocol(loopback...), true)
	d.turnedAway(t, []byte("USER alice\r\n"))
	require.Empty(t, take())
}
