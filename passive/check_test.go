package passive

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/memnet"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestCheck(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 3))
	require.NoError(t, p.Check(t.Context()))
	require.NoError(t, p.Check(t.Context(), local))
	require.NoError(t, Any().Check(t.Context(), local))
	require.Zero(t, p.Stats().Listeners)
	// What is in use by p itself is in order.
	lease(t, p, ask(local))
	require.NoError(t, p.Check(t.Context(), local))
}

func TestCheckInUse(t *testing.T) {
	set := testenv.FreePortSet(t, 2)
	taken, _, _ := strings.Cut(set, "-")
	ln, err := net.Listen("tcp", "127.0.0.1:"+taken)
	require.NoError(t, err)
	defer ln.Close()
	p := ports(t, set)
	p.Offset = 60000
	err = p.Check(t.Context(), local)
	require.ErrorContains(t, err, "passive port "+taken+" on 127.0.0.1: already in use")
	require.ErrorContains(t, err, "Offset is 60000")
	var port *PortError
	require.ErrorAs(t, err, &port)
	require.Equal(t, taken, port.Ports)
	if runtime.GOOS == "linux" { // elsewhere a wildcard may stand beside an address
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		require.ErrorContains(t, p.Check(t.Context()), "passive port "+taken+": already in use")
	}
}

func TestCheckForeignAddress(t *testing.T) {
	err := ports(t, testenv.FreePortSet(t, 2)).Check(t.Context(), netip.MustParseAddr("203.0.113.7"))
	require.ErrorContains(t, err, "on 203.0.113.7: the address does not belong to this host")
	require.Len(t, strings.Split(err.Error(), "\n"), 1)
	require.ErrorContains(t, Any().Check(t.Context(), netip.MustParseAddr("203.0.113.7")), "passive ports on 203.0.113.7: the address")
}

// Ports that fail alike make one line.
func TestCheckGathers(t *testing.T) {
	p, mem := memPorts(t, "21000-21999,65535")
	odd := errors.New("odd")
	mem.Fail = func(address string) error {
		_, text, _ := net.SplitHostPort(address)
		switch port, _ := strconv.Atoi(text); {
		case port < 21500:
			return memnet.ErrInUse
		case port == 21501 || port == 65535:
			return odd
		case port == 21502:
			return syscall.EACCES
		case port == 21503:
			return syscall.ENOTCONN
		}
		return nil
	}
	err := p.Check(t.Context(), local, bob)
	want := []string{
		"passive ports 21000-21499 on 127.0.0.1: " + inUse,
		"passive ports 21501,65535 on 127.0.0.1: odd",
		"passive port 21502 on 127.0.0.1: the system does not permit it",
		"passive port 21503 on 127.0.0.1: " + syscall.ENOTCONN.Error(),
	}
	for _, line := range want {
		want = append(want, strings.ReplaceAll(line, "127.0.0.1", "127.0.0.3"))
	}
	require.Equal(t, strings.Join(want, "\n"), err.Error())
	require.ErrorIs(t, err, odd)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Check(ctx, local), context.Canceled)
}
