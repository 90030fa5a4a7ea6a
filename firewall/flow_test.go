package firewall

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func lines(t *testing.T, s Setup, side Side) []string {
	t.Helper()
	flows, err := s.Flows(side)
	require.NoError(t, err)
	var all []string
	for _, f := range flows {
		require.Equal(t, side, f.Side)
		require.True(t, strings.HasSuffix(f.Why(), "."))
		all = append(all, f.String())
	}
	return all
}

func TestFlows(t *testing.T) {
	partner := setups()["partner"]
	require.Equal(t, []string{
		"inbound TCP from 198.51.100.0/28 to 10.0.0.5 port 21 (control explicit)",
		"inbound TCP from 198.51.100.0/28 to 10.0.0.5 port 990 (control implicit)",
		"inbound TCP from 198.51.100.0/28 to 10.0.0.5 ports 21000-21004, 21006-21010 (data)",
	}, lines(t, partner, Server))
	require.Equal(t, []string{
		"inbound TCP from 198.51.100.0/28 to 203.0.113.7 port 21, translated to 10.0.0.5 port 21 (control explicit)",
		"inbound TCP from 198.51.100.0/28 to 203.0.113.7 port 990, translated to 10.0.0.5 port 990 (control implicit)",
		"inbound TCP from 198.51.100.0/28 to 203.0.113.7 ports 21000-21004, 21006-21010, " +
			"translated to 10.0.0.5 ports 21000-21004, 21006-21010 (data)",
	}, lines(t, partner, Border))
	require.Equal(t, []string{
		"outbound TCP from 192.168.0.0/16 to 203.0.113.7 port 21, source translated (control explicit)",
		"outbound TCP from 192.168.0.0/16 to 203.0.113.7 port 990, source translated (control implicit)",
		"outbound TCP from 192.168.0.0/16 to 203.0.113.7 ports 21000-21004, 21006-21010, source translated (data)",
	}, lines(t, partner, Client))

	everything := setups()["everything"]
	require.Equal(t, []string{
		"inbound TCP from 192.0.2.9, 198.51.100.0/28 to 203.0.113.7 port 21, translated to 10.0.0.5 port 2121 (control explicit)",
		"inbound TCP from 192.0.2.9, 198.51.100.0/28 to 203.0.113.7 port 990, translated to 10.0.0.5 port 990 (control implicit)",
		"inbound TCP from 192.0.2.9, 198.51.100.0/28 to 203.0.113.7 ports 31000-31002, 31006, " +
			"translated to 10.0.0.5 ports 21000-21002, 21006 (data)",
		"outbound TCP from 10.0.0.5 port 20 to 192.0.2.9, 198.51.100.0/28 ports 1024-65535, source translated to 203.0.113.7 (data active)",
		"inbound TCP from 2001:db8:2::/64 to 2001:db8:1::5 port 21, translated to 2001:db8:1::5 port 2121 (control explicit)",
		"inbound TCP from 2001:db8:2::/64 to 2001:db8:1::5 port 990 (control implicit)",
		"inbound TCP from 2001:db8:2::/64 to 2001:db8:1::5 ports 31000-31002, 31006, translated to 2001:db8:1::5 ports 21000-21002, 21006 (data)",
		"outbound TCP from 2001:db8:1::5 port 20 to 2001:db8:2::/64 ports 1024-65535 (data active)",
	}, lines(t, everything, Border))

	require.Equal(t, []string{
		"inbound TCP from anyone to any address of the server port 21 (control explicit, IPv4)",
		"inbound TCP from anyone to any address of the server ports 21000-21003 (data, IPv4)",
		"inbound TCP from anyone to any address of the server port 21 (control explicit, IPv6)",
		"inbound TCP from anyone to any address of the server ports 21000-21003 (data, IPv6)",
	}, lines(t, setups()["anyone"], Server))
}

// Active mode does not work through a client's NAT. The border of a server with a changing address matches the
// firewall's own addresses.
func TestFlowsDynamic(t *testing.T) {
	s := setups()["dynamic"]
	client := lines(t, s, Client)
	require.Equal(t, []string{
		"outbound TCP from 10.1.0.0/16 to any address of the server port 21, source translated (control explicit)",
		"outbound TCP from 10.1.0.0/16 to any address of the server port 21000, source translated (data)",
	}, client)
	require.Contains(t, strings.Join(s.Warnings(Client), "\n"), "clients behind a NAT")
	require.Contains(t, strings.Join(s.Warnings(Client), "\n"), "match any address instead")
	require.NotContains(t, strings.Join(s.Warnings(Server), "\n"), "match any address")
	text, err := Render("nftables", Border, s)
	require.NoError(t, err)
	require.Contains(t, text, "meta nfproto ipv4 fib daddr type local tcp dport 21 dnat ip to 192.168.1.10 ")
}

func TestNotNeeded(t *testing.T) {
	what := func(s Setup) string {
		var all []string
		for _, e := range s.NotNeeded() {
			require.True(t, strings.HasSuffix(e.Why, "."))
			all = append(all, e.What)
		}
		return strings.Join(all, "; ")
	}
	s := setups()["partner"]
	require.Equal(t, "UDP; Port 20; Port 989; The other ports above 1023; Connections from the server to the client; "+
		"An FTP helper (ALG, inspection, fixup)", what(s))
	s.Active, s.ActiveSource = true, 989
	require.NotContains(t, what(s), "989")
	require.NotContains(t, what(s), "Connections from the server")
	s = setups()["partner"]
	s.Explicit = []uint16{20}
	require.NotContains(t, what(s), "Port 20", "somebody may listen there")
}

func TestWarnsOfPrivateAddress(t *testing.T) {
	s := Setup{Server: addrs("10.0.0.5"), Explicit: []uint16{21}, Data: "21000"}
	require.Contains(t, strings.Join(s.Warnings(Client), "\n"), "cannot reach 10.0.0.5")
	s.Clients = nets("10.0.0.0/8")
	require.Empty(t, s.Warnings(Client))
}

// randomPorts returns a random set of ports in words, and the ports in it.
func randomPorts(r *rand.Rand) (string, []int) {
	var parts []string
	in := map[int]bool{}
	for range 1 + r.IntN(12) {
		first := 2000 + r.IntN(300)
		last := first + r.IntN(4)
		parts = append(parts, fmt.Sprintf("%d-%d", first, last))
		for n := first; n <= last; n++ {
			in[n] = true
		}
	}
	var all []int
	for n := range in {
		all = append(all, n)
	}
	slices.Sort(all)
	return strings.Join(parts, ","), all
}

// Ranges are ascending and apart, and hold exactly the ports of the set; every kind names each range.
func TestPortsAppear(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		set, want := randomPorts(r)
		s := setups()["partner"]
		s.Data, s.DataOffset = set, r.IntN(3)*10000
		flows, err := s.Flows(Border)
		require.NoError(t, err)
		data := flows[len(flows)-1]
		var got []int
		for i, ports := range data.Ports {
			require.LessOrEqual(t, ports.First, ports.Last)
			require.False(t, i > 0 && int(data.Ports[i-1].Last)+1 >= int(ports.First), "%v touch", data.Ports)
			require.Equal(t, ports.size(), data.innerPorts()[i].size())
			for n := range ports.size() {
				got = append(got, int(data.innerPorts()[i].First)+n)
				require.Equal(t, got[len(got)-1]+s.DataOffset, int(ports.First)+n)
			}
		}
		require.Equal(t, want, got, set)
		for _, in := range Kinds() {
			for _, side := range in.Sides {
				requireNamed(t, in, side, s)
			}
		}
	}
}

// requireNamed checks that the first and the last port of each range are named outside of comments.
func requireNamed(t *testing.T, in Info, side Side, s Setup) {
	t.Helper()
	text, err := Render(in.Kind, side, s)
	require.NoError(t, err)
	if in.comment != "" {
		text = body(text, in.comment)
	}
	numbers := map[string]bool{}
	for _, n := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		numbers[n] = true
	}
	flows, err := s.Flows(side)
	require.NoError(t, err)
	for _, f := range flows {
		for _, ports := range f.Ports {
			require.True(t, numbers[fmt.Sprint(ports.First)] && numbers[fmt.Sprint(ports.Last)], "%s %s: %s", in.Kind, side, f)
		}
	}
}

// body returns a rendering without its comments.
func body(text, comment string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), strings.TrimSpace(comment)) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestChunks(t *testing.T) {
	var ports []Range
	for n := uint16(1000); n < 1100; n += 10 {
		ports = append(ports, Range{n, n + 1}, Range{n + 5, n + 5})
	}
	var joined []Range
	for _, some := range chunks(ports, multiportLimit) {
		size := 0
		for _, r := range some {
			size += min(r.size(), 2)
		}
		require.LessOrEqual(t, size, multiportLimit)
		joined = append(joined, some...)
	}
	require.Equal(t, ports, joined)
}

// No two rules of a chain have the same comment, so that each rule can be removed by its comment.
func TestCommentsAreUnique(t *testing.T) {
	for name, s := range setups() {
		for _, side := range Sides() {
			text, err := Render("nftables", side, s)
			require.NoError(t, err)
			seen := map[string]bool{}
			for _, piece := range strings.Split(text, ` comment "`)[1:] {
				comment, _, ok := strings.Cut(piece, `"`)
				require.True(t, ok)
				require.True(t, strings.HasPrefix(comment, s.name()+": "), comment)
				require.False(t, seen[comment], "%s %s: %s", name, side, comment)
				seen[comment] = true
			}
			flows, err := s.Flows(side)
			require.NoError(t, err)
			for _, r := range fold(flows) {
				if side == Server && r.Direction == Outbound {
					continue
				}
				require.True(t, seen[(&page{Setup: s}).label(r)], "%s %s: no rule for %s", name, side, r)
			}
		}
	}
}
