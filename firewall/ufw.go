package firewall

import (
	"net/netip"
	"strings"
)

// ufw writes ufw commands. ufw itself lets replies, loopback, neighbour discovery and ICMP through.
func ufw(p *page) {
	rules := p.hostRules()
	if p.side == Server {
		p.note("What is not allowed must be denied, which is what ufw default deny incoming says and the default is.")
	} else {
		p.note("ufw lets everything out unless ufw default deny outgoing was said; only then are these needed.")
	}
	for _, r := range rules {
		way := "allow in"
		if r.Direction == Outbound {
			way = "allow out"
		}
		for _, from := range ufwAddrs(r, r.From) {
			for _, to := range ufwAddrs(r, r.To) {
				if from == to && !r.both {
					// Spells out the network of the whole family, so that the rule doesn't cover the other family.
					from, to = short(r.network(nil)[0]), "any"
				}
				for _, ports := range chunks(r.Ports, multiportLimit) {
					p.linef("ufw %s proto tcp from %s%s to %s port %s comment '%s'",
						way, from, ufwSource(r), to, joinRanges(ports, ":", ","), p.label(r))
				}
			}
		}
	}
}

func ufwAddrs(r rule, prefixes []netip.Prefix) []string {
	if len(prefixes) == 0 {
		return []string{"any"}
	}
	return shorts(prefixes)
}

func ufwSource(r rule) string {
	if len(r.FromPorts) == 0 {
		return ""
	}
	return " port " + strings.ReplaceAll(r.FromPorts[0].String(), "-", ":")
}
