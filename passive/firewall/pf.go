package firewall

import (
	"fmt"
	"net/netip"
	"strings"
)

// pf writes pf.conf rules. pf keeps state by default, so replies and the ICMP errors about them need no rule.
func pf(p *page) {
	p.note("Load with pfctl -f. Everything else coming in is dropped%s: add what else the machine needs.", p.except())
	translates := false
	for _, r := range p.rules {
		translates = translates || r.NAT != nil
	}
	if translates {
		p.note("Translation is written as on OpenBSD and FreeBSD 15; older FreeBSD wants rdr and nat rules ahead of the others.")
	}
	p.linef("set skip on lo")
	p.linef("block in all")
	p.linef("pass out all")
	if p.usesIPv6() {
		// RFC 4861, sections 4.3 and 4.4: neighbour discovery, for the machine itself, whichever side.
		p.linef("pass in inet6 proto ipv6-icmp all icmp6-type { neighbrsol, neighbradv } label %q", p.name()+": neighbours IPv6")
	}
	rules := p.rules
	if p.side == Server {
		rules = p.hostRules()
	}
	for _, r := range rules {
		p.pfRule(r)
	}
}

func (p *page) pfRule(r rule) {
	switch n := r.NAT; {
	case n == nil:
		p.linef("pass in %s label %q", pfMatch(r, r.Ports), p.label(r))
	case n.To.IsValid() && n.Ports == nil:
		p.linef("pass in %s rdr-to %v label %q", pfMatch(r, r.Ports), n.To, p.label(r))
	case n.To.IsValid():
		for i, ports := range r.Ports {
			inner := n.Ports[i].String()
			if ports.len() > 1 {
				inner = fmt.Sprintf("%d:*", n.Ports[i].First)
			}
			p.linef("pass in %s rdr-to %v port %s label %q", pfMatch(r, []Range{ports}), n.To, inner, p.label(r))
		}
	default:
		source := "(egress)"
		if n.From.IsValid() {
			source = n.From.String()
		}
		p.linef("pass in %s label %q", pfMatch(r, r.Ports), p.label(r))
		p.linef("pass out %s nat-to %s label %q", pfMatch(r, r.Ports), source, p.label(r)+", translation")
	}
}

func pfMatch(r rule, ports []Range) string {
	var b strings.Builder
	switch {
	case r.both:
	case r.IPv6:
		b.WriteString("inet6 ")
	default:
		b.WriteString("inet ")
	}
	b.WriteString("proto tcp from " + pfAddrs(r.From, "any"))
	if len(r.FromPorts) > 0 {
		b.WriteString(" port " + pfList(r.FromPorts))
	}
	none := "any"
	if r.NAT != nil && r.NAT.To.IsValid() {
		none = "(egress)" // the outer interface's own addresses, whatever they are
	}
	b.WriteString(" to " + pfAddrs(r.To, none) + " port " + pfList(ports))
	return b.String()
}

func pfAddrs(prefixes []netip.Prefix, none string) string {
	switch len(prefixes) {
	case 0:
		return none
	case 1:
		return short(prefixes[0])
	}
	return "{ " + strings.Join(shorts(prefixes), ", ") + " }"
}

func pfList(ports []Range) string {
	if len(ports) == 1 {
		return ports[0].with(":")
	}
	return "{ " + joinRanges(ports, ":", ", ") + " }"
}
