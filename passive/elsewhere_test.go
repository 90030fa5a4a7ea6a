package passive_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
)

// otherTable has leases made by the Ports of somebody else, in this process.
type otherTable struct{ *passive.Ports }

func (o otherTable) Lease(ctx context.Context, r passive.Request) (passive.TableLease, error) {
	return o.Ports.Lease(ctx, r)
}

// A lease of another table does what one of this table does; leases made before stay until they
// end.
func TestFollow(t *testing.T) {
	set := testenv.FreePortSet(t, 2)
	mine, err := passive.Range(set)
	require.NoError(t, err)
	defer mine.Close()
	mine.Announce = passive.Address("192.0.2.7")
	theirs, err := passive.Range(set)
	require.NoError(t, err)
	defer theirs.Close()
	local := netip.MustParseAddr("127.0.0.1")
	r := passive.Request{Client: local, Local: local}
	before, err := mine.Lease(t.Context(), r)
	require.NoError(t, err)

	mine.Follow(otherTable{theirs})
	dial := func(l *passive.Lease) {
		t.Helper()
		conn, err := net.Dial("tcp", netip.AddrPortFrom(local, l.Port()).String())
		require.NoError(t, err)
		defer conn.Close()
		l.TransferStarting()
		require.False(t, l.Over())
		got, err := l.Accept(t.Context())
		require.NoError(t, err)
		defer got.Close()
		require.Equal(t, conn.LocalAddr().String(), got.RemoteAddr().String())
	}
	far, err := mine.Lease(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 1, theirs.Stats().Leases)
	at, err := far.Announced(t.Context())
	require.NoError(t, err)
	require.Equal(t, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), far.Port()), at, "what clients are told is decided here")
	require.NotEqual(t, before.Port(), far.Port(), "the port of the lease of before is open still")
	dial(far)
	dial(before)
	require.Eventually(t, func() bool { return mine.Stats().Listeners == 0 }, time.Minute, time.Millisecond, "its port is free at once")
	require.NoError(t, far.Close())

	unused, err := mine.Lease(t.Context(), r)
	require.NoError(t, err)
	require.True(t, unused.DropProof(), "there is none")
	unused.CloseUnused()
	require.True(t, unused.Over())
	require.Zero(t, theirs.Stats().Leases)
	gone := errors.New("nobody is there")
	mine.Follow(noTable{gone})
	_, err = mine.Lease(t.Context(), r)
	require.ErrorIs(t, err, gone)
	theirs.Follow(otherTable{mine}) // and no port of theirs is open any more
	mine.Follow(nil)
	again, err := mine.Lease(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 1, mine.Stats().Leases)
	require.NoError(t, again.Close())
	require.NoError(t, mine.Close())
	_, err = mine.Lease(t.Context(), r)
	require.ErrorIs(t, err, passive.ErrClosed)
}

// noTable has no leases.
type noTable struct{ err error }

func (n noTable) Lease(context.Context, passive.Request) (passive.TableLease, error) {
	return nil, n.err
}
