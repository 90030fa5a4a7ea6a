package passive

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/memnet"
)

// memNet is a network in memory, where time can be faked.
type memNet struct{ memnet.Net }

// memPorts makes Ports on a network in memory. The caller closes them, within its bubble.
func memPorts(t testing.TB, set string) (*Ports, *memNet) {
	t.Helper()
	p, err := Range(set)
	require.NoError(t, err)
	n := new(memNet)
	p.Listen = n.Listen
	return p, n
}

// at returns the listener on a port, nil for none.
func (n *memNet) at(port uint16) *memnet.Listener { return n.At(netip.AddrPortFrom(local, port)) }

// dial connects from an address; nil when nobody listens. The second end is the server's.
func (n *memNet) dial(from netip.Addr, port uint16) (client, server *memnet.Conn) {
	return n.Connect(netip.AddrPortFrom(from, 5555), netip.AddrPortFrom(local, port), 1<<16)
}
