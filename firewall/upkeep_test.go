package firewall

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rules of a host keep its own IPv6 working even if FTPS is served over IPv4 alone: they let in neighbours,
// routers and groups (RFC 4890, section 4.4.1), and DHCPv6. Tests in namespaces show that each is needed
// (internal/test/scenario).
func TestHostKeepsItsIPv6(t *testing.T) {
	s := setups()["partner"] // IPv4 alone
	for kind, wants := range map[Kind][]string{
		"nftables": {"nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-advert", "mld-listener-query", "udp dport 546"},
		"iptables": {"neighbour-solicitation", "neighbour-advertisement", "router-advertisement", "--icmpv6-type 130", "--dport 546"},
		"pf":       {"neighbrsol", "neighbradv", "routeradv", "listqry allow-opts", "port 546"},
	} {
		text, err := Render(kind, Server, s)
		require.NoError(t, err)
		for _, want := range wants {
			require.Contains(t, text, want, kind)
		}
		if kind == "iptables" { // rules of IPv6 only
			for line := range strings.Lines(text) {
				if strings.Contains(line, "icmp6") || strings.Contains(line, "546") {
					require.True(t, strings.HasPrefix(line, "-6 "), line)
				}
			}
		}
	}
}

// FreeBSD's pf wants translations before the filter, has words of its own for them, and has no interface group
// "egress". Its filter sees translated packets.
func TestPFOfFreeBSD(t *testing.T) {
	for name, s := range setups() {
		for _, side := range Sides() {
			text, err := Render("pf-freebsd", side, s)
			require.NoError(t, err)
			filtering := false
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				switch verb, _, _ := strings.Cut(line, " "); verb {
				case "#", "#\n", "set":
				case "rdr", "nat":
					require.False(t, filtering, "%s/%s: translation after the filter: %s", name, side, line)
				default:
					require.Contains(t, []string{"block", "pass"}, verb, line)
					filtering = true
					for _, foreign := range []string{"egress", "rdr-to", "nat-to"} {
						require.NotContains(t, line, foreign)
					}
				}
				// An unknown interface is a macro, which pfctl has to be given.
				require.Equal(t, strings.Contains(text, "$ext_if"), strings.Contains(text, "pfctl -D ext_if="), "%s/%s", name, side)
			}
		}
	}
	// If ports have other numbers outside, the filter has those inside.
	text, err := Render("pf-freebsd", Border, setups()["everything"])
	require.NoError(t, err)
	require.Contains(t, text, "to 203.0.113.7 port 31000:31002 -> 10.0.0.5 port 21000:*\n")
	require.Contains(t, text, "pass in inet proto tcp from { 192.0.2.9, 198.51.100.0/28 } to 10.0.0.5 port { 21000:21002, 21006 } label")
}

// Labels have at most 63 characters (PF_RULE_LABEL_SIZE): pf refuses all rules if one is longer.
func TestPFLabelsFit(t *testing.T) {
	for name, s := range setups() {
		s.Name = strings.Repeat("n", 30)
		if s.Inside = nets("10.9.0.0/16"); s.serves(true) {
			s.Inside = append(s.Inside, nets("2001:db8:9::/64")...)
		}
		for _, kind := range []Kind{"pf", "pf-freebsd"} {
			for _, side := range Sides() {
				text, err := Render(kind, side, s)
				require.NoError(t, err, name)
				for _, piece := range strings.Split(text, `label "`)[1:] {
					label, _, _ := strings.Cut(piece, `"`)
					require.LessOrEqual(t, len(label), 63, label)
				}
			}
		}
	}
}
