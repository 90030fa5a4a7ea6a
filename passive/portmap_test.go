package passive

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each network is told the address and the ports of its own way in, by 227 and by 229.
func TestPortMaps(t *testing.T) {
	rules, err := ParseRules("10.0.0.0/8=dialled, 198.51.100.0/25=203.0.113.7 port+10000, 198.51.100.128/25=ftp.example.com port-20000,*=203.0.113.9 port+100")
	require.NoError(t, err)
	rules[2].Announce = Address("203.0.113.8")
	p, _ := memPorts(t, "21000")
	defer p.Close()
	p.Announce, p.Offset = rules, 1
	require.NoError(t, p.Validate())
	for client, want := range map[string]string{
		"10.0.0.5":             "192.0.2.10:21001",
		"198.51.100.4":         "203.0.113.7:31001",
		"::ffff:198.51.100.4":  "203.0.113.7:31001",
		"198.51.100.200":       "203.0.113.8:1001",
		"192.0.2.99":           "203.0.113.9:21101",
		"2001:db8::1":          "[2001:db8::10]:21101",
		"::ffff:198.51.100.99": "203.0.113.7:31001",
	} {
		at := netip.MustParseAddr("192.0.2.10")
		if c := netip.MustParseAddr(client); c.Unmap().Is6() {
			at = netip.MustParseAddr("2001:db8::10")
		}
		l, err := p.Lease(t.Context(), Request{Client: netip.MustParseAddr(client), Local: at, Session: client})
		require.NoError(t, err, client)
		got, err := l.Announced(t.Context())
		require.NoError(t, err, client)
		require.Equal(t, want, got.String(), client)
		require.Equal(t, got.Port(), l.AnnouncedPort(), client)
		require.EqualValues(t, 21000, l.Port(), client)
		require.NoError(t, l.Close())
	}
}

// A lease may have an announcer of its own, with offsets of its own.
func TestAnnouncerOfALease(t *testing.T) {
	p, _ := memPorts(t, "21000")
	defer p.Close()
	p.Announce, p.Offset = Rules{{Announce: Address("203.0.113.7"), Offset: 5}}, 1
	l, err := p.Lease(t.Context(), Request{Client: outside4, Local: local, Announce: Rules{{Announce: Address("203.0.113.9"), Offset: 7}}})
	require.NoError(t, err)
	got, err := l.Announced(t.Context())
	require.NoError(t, err)
	require.Equal(t, "203.0.113.9:21008", got.String())
}

// wild maps ports to numbers that are no ports.
type wild struct{ Announcer }

func (wild) Offset(netip.Addr) int { return 44536 }

func TestPortMapsThatAreNone(t *testing.T) {
	p, _ := memPorts(t, "21000-21010")
	defer p.Close()
	p.Announce = Rules{{Clients: netip.MustParsePrefix("10.0.0.0/8"), Announce: Rules{{Offset: 40000}}, Offset: 4526}, {Offset: -21000}}
	err := p.Validate()
	require.ErrorContains(t, err, "into 65526 to 65536")
	require.ErrorContains(t, err, "into 0 to 10")
	require.ErrorContains(t, Any().ValidateAnnouncer(Rules{{Offset: 1}}), "the system chooses")
	require.NoError(t, Any().ValidateAnnouncer(nil))

	// An offset that no Validate can know of shows when a client asks, and costs no
	// port.
	p.Announce = wild{Rules{}}
	require.NoError(t, p.Validate())
	_, err = p.Lease(context.Background(), Request{Client: outside4, Local: local})
	require.ErrorContains(t, err, "which is no port")
	require.Zero(t, p.Stats().Leases)
}

// shaky is a PortMapper whose Offset panics.
type shaky struct{ Announcer }

func (shaky) Offset(netip.Addr) int { panic("boom") }

// A PortMapper that panics leaves no port reserved.
func TestPortMapPanics(t *testing.T) {
	p, _ := memPorts(t, "21000")
	defer p.Close()
	p.Announce = shaky{Rules{}}
	require.PanicsWithValue(t, "boom", func() { p.Lease(t.Context(), Request{Client: outside4, Local: local}) })
	quiet(t, p)
}
