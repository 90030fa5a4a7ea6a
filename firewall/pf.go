package firewall

import (
	"fmt"
	"net/netip"
	"strings"
)

// pf writes pf.conf rules for OpenBSD. pf keeps state by default, so replies and the ICMP errors about them need no
// rule.
func pf(p *page) {
	p.note("Load with pfctl -f. Everything else coming in is dropped%s: add what else the machine needs.", p.except())
	p.noteUpkeep()
	rules := p.pfRules()
	p.linef("set skip on lo")
	p.pfPolicy()
	for _, r := range rules {
		p.pfRule(r)
	}
}

// pfRules returns the rules for the side of the page.
func (p *page) pfRules() []rule {
	if p.side == Server {
		return p.hostRules()
	}
	return p.rules
}

// pfPolicy writes the rules that don't depend on the flows.
func (p *page) pfPolicy() {
	p.linef("block in all")
	p.linef("pass out all")
	p.pfUpkeep() // for the machine itself, on every side
}

func (p *page) pfRule(r rule) {
	switch n := r.NAT; {
	case n == nil:
		p.linef("pass in %s label %q", pfMatch(r, r.To, "any", r.Ports), p.label(r))
	case n.To.IsValid():
		for _, t := range pfTargets(r) {
			// Matches any address of the outer interface if the public address is unknown.
			p.linef("pass in %s rdr-to %s label %q", pfMatch(r, r.To, "(egress)", t.ports), t.to, p.label(r))
		}
	default:
		source := "(egress)"
		if n.From.IsValid() {
			source = n.From.String()
		}
		p.linef("pass in %s label %q", pfMatch(r, r.To, "any", r.Ports), p.label(r))
		p.linef("pass out %s nat-to %s label %q", pfMatch(r, r.To, "any", r.Ports), source, p.label(r)+", NAT") // a label has at most 63 characters
	}
}

// pfTarget is one translation of a destination: which ports, and to what.
type pfTarget struct {
	ports []Range
	to    string
}

// pfTargets returns the translations of a rule: a single one for all ports or, if numbers differ, one for each range.
func pfTargets(r rule) []pfTarget {
	if r.NAT.Ports == nil {
		return []pfTarget{{r.Ports, r.NAT.To.String()}}
	}
	var all []pfTarget
	for i, ports := range r.Ports {
		inner := r.NAT.Ports[i].String()
		if ports.size() > 1 {
			inner = fmt.Sprintf("%d:*", r.NAT.Ports[i].First) // port by port
		}
		all = append(all, pfTarget{[]Range{ports}, fmt.Sprintf("%v port %s", r.NAT.To, inner)})
	}
	return all
}

// pfMatch returns the match for a rule's connections. none stands for the destination if to is empty.
func pfMatch(r rule, to []netip.Prefix, none string, ports []Range) string {
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
	b.WriteString(" to " + pfAddrs(to, none) + " port " + pfList(ports))
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
