package server

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Row 10: somebody with an IPv6 network of 48 bits has another network of 64 bits
// for each handshake. All these handshakes together never have all places, and
// other sites have their turn as often.
func TestHandshakesOfOneSite(t *testing.T) {
	var h handshakes
	attacker := func(i int) netip.Prefix {
		return network(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(i >> 8), byte(i), 15: 1}))
	}
	var theirs, mine []*handshakePlace
	for i := range 200 {
		theirs = append(theirs, h.enter(attacker(i)))
	}
	all, each := handshakePlaces(attacker(0))
	require.Equal(t, each, ready(theirs))
	for range 20 {
		mine = append(mine, h.enter(network(netip.MustParseAddr("2001:db8:2::1"))))
	}
	require.Equal(t, all-each, ready(mine))

	for i := range 20 { // the handshake that began first is done
		if computing := ready(theirs); i%2 == 0 || ready(mine) == 0 {
			h.leave(theirs[0])
			theirs = theirs[1:]
			require.LessOrEqual(t, computing, each)
		} else {
			h.leave(mine[0])
			mine = mine[1:]
		}
	}
	require.GreaterOrEqual(t, 20-len(mine)+ready(mine), 10, "a turn of each in two")

	for _, p := range append(theirs, mine...) {
		h.leave(p)
	}
	require.Empty(t, h.held)
	require.Empty(t, h.lines)
	require.Empty(t, h.sites)
	require.Empty(t, h.waiting)
}

// ready returns how many of the places are held.
func ready(places []*handshakePlace) (n int) {
	for _, p := range places {
		select {
		case <-p.ready:
			n++
		default:
		}
	}
	return n
}
