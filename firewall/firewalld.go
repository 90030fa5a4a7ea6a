package firewall

import (
	"fmt"
	"net/netip"
)

// firewalld writes firewall-cmd commands for one zone. Rich rules match addresses; a flow without addresses
// becomes a port of the zone, which is shorter.
func firewalld(p *page) {
	p.note("ZONE is the zone of the interface that clients come in by; firewall-cmd --get-default-zone names the usual one. " +
		"firewalld itself takes care of replies, loopback, neighbour discovery and ICMP.")
	for _, r := range p.hostRules() {
		if p.side == Border && r.Direction == Outbound {
			p.note("The connections of active mode come from the server's zone, whose policy has to let them out.")
			continue
		}
		for i, ports := range r.Ports {
			p.firewalldRule(r, ports, i)
		}
	}
	if p.side == Border && p.err == nil {
		for _, r := range p.rules {
			if r.NAT == nil {
				p.err = wrong("Kind Side", "nothing is translated at the border, and firewalld needs a policy for what is merely forwarded; use nftables")
				return
			}
		}
	}
	p.linef("firewall-cmd --reload")
}

func (p *page) firewalldRule(r rule, ports Range, i int) {
	if r.NAT != nil && r.NAT.Ports != nil && !p.limitEntries(count(r.Ports)) {
		return
	}
	const cmd = "firewall-cmd --permanent --zone=\"${ZONE:?}\""
	if r.both {
		p.linef("%s --add-port=%v/tcp", cmd, ports)
		return
	}
	for _, to := range orAny(r.To) {
		match := firewalldAddr("destination", to)
		for _, from := range orAny(r.From) {
			match := fmt.Sprintf("rule family=%q%s%s", firewalldFamily(r), firewalldAddr("source", from), match)
			if r.NAT == nil {
				p.linef("%s --add-rich-rule='%s port port=\"%v\" protocol=\"tcp\" accept'", cmd, match, ports)
				continue
			}
			for _, t := range firewalldTargets(r, ports, i) {
				p.linef("%s --add-rich-rule='%s forward-port port=\"%v\" protocol=\"tcp\" to-port=\"%v\" to-addr=\"%v\"'",
					cmd, match, t[0], t[1], r.NAT.To)
			}
		}
	}
}

// firewalldTargets maps each port by itself if numbers differ: given a range, firewalld would choose any port of
// it.
func firewalldTargets(r rule, outer Range, i int) [][2]Range {
	inner := r.innerPorts()[i]
	if outer == inner {
		return [][2]Range{{outer, inner}}
	}
	var all [][2]Range
	for n := range outer.size() {
		o, in := outer.First+uint16(n), inner.First+uint16(n)
		all = append(all, [2]Range{{o, o}, {in, in}})
	}
	return all
}

// orAny returns prefixes, or a list with one zero Prefix in place of an empty list.
func orAny(prefixes []netip.Prefix) []netip.Prefix {
	if len(prefixes) == 0 {
		return []netip.Prefix{{}}
	}
	return prefixes
}

func firewalldAddr(what string, p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return fmt.Sprintf(" %s address=%q", what, short(p))
}

func firewalldFamily(r rule) string {
	if r.IPv6 {
		return "ipv6"
	}
	return "ipv4"
}
