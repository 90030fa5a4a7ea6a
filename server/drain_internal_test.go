package server

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dataPair returns a connection of a client at an address of this host, and the
// server's end of it.
func dataPair(t *testing.T, from string) (client net.Conn, end *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client, err = d.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Skipf("this host has no %s: %v", from, err)
	}
	t.Cleanup(func() { client.Close() })
	conn, err := ln.Accept()
	require.NoError(t, err)
	return client, conn.(*net.TCPConn)
}

func (d *drains) count() (all, networks int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all), len(d.byPeer)
}

// A network with too many connections makes room by one of its own.
func TestDrainsPerNetwork(t *testing.T) {
	const a, b = "127.0.0.1", "127.0.0.2"
	var d drains
	defer d.close()
	var clients []net.Conn
	add := func(from string) {
		client, end := dataPair(t, from)
		clients = append(clients, client)
		require.NoError(t, d.end(end))
		d.mu.Lock()
		defer d.mu.Unlock()
		d.all[len(d.all)-1].ends = time.Now().Add(time.Hour) // however long this test takes
	}
	add(b)
	for range drainsPerPeer {
		add(a)
	}
	all, networks := d.count()
	require.Equal(t, []int{drainsPerPeer + 1, 2}, []int{all, networks})

	add(a)
	all, networks = d.count()
	require.Equal(t, []int{drainsPerPeer + 1, 2}, []int{all, networks}, "the other network's is the oldest, and stays")

	for _, c := range clients[1:] {
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool { n, nets := d.count(); return n == 1 && nets == 1 }, time.Minute, time.Millisecond)
}

// If all networks together have too many connections, the oldest of all makes room.
func TestDrainsOfAllNetworks(t *testing.T) {
	_, end := dataPair(t, "127.0.0.1")
	network := func(n int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 32)
	}
	d := drains{byPeer: map[netip.Prefix]int{network(0): 1}, all: []*drain{{conn: end, peer: network(0)}}}
	for n := 1; n < maxDrains; n++ {
		d.makeRoom(network(n))
		d.all = append(d.all, &drain{peer: network(n)})
		d.byPeer[network(n)]++
	}
	require.Equal(t, maxDrains, len(d.all))
	d.makeRoom(network(maxDrains))
	require.Equal(t, maxDrains-1, len(d.all))
	require.Equal(t, network(1), d.all[0].peer)
	require.NotContains(t, d.byPeer, network(0))
	require.ErrorIs(t, end.Close(), net.ErrClosed)
}

// A client that never ends its side is dropped when its time is over.
func TestDrainTimeIsBounded(t *testing.T) {
	var d drains
	defer d.close()
	for range 2 {
		_, end := dataPair(t, "127.0.0.1")
		require.NoError(t, d.end(end))
		d.mu.Lock()
		require.Len(t, d.all, 1)
		d.all[0].ends = time.Now().Add(-time.Second)
		d.mu.Unlock()
		require.Eventually(t, func() bool { n, nets := d.count(); return n+nets == 0 }, time.Minute, time.Millisecond)
	}
}
