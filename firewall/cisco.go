package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// cisco writes extended access lists, which see packets and not connections: replies are told by a flag (established)
// that the first packet of a connection lacks. A list on the outer interface is applied before incoming packets are
// translated, so it has the public addresses.
func cisco(p *page) {
	for _, f := range p.families() {
		if f.v6 && (f.translated && p.side == Border || len(f.inside) > 0 && p.side == Client) {
			p.err = wrong("Server Public", "IOS is not told here to translate IPv6; give IPv6 addresses that clients reach directly")
			return
		}
		if f.hidden && p.side == Border {
			p.err = wrong("Public", "static NAT of IOS needs the public address, not only its name")
			return
		}
	}
	p.note("Access lists end with an implicit deny: add what else has to pass before you bind them to an interface.")
	for _, f := range p.families() {
		if p.side == Border {
			p.ciscoBorder(f)
		} else {
			p.ciscoClient(f)
		}
	}
}

func (p *page) ciscoBorder(f family) {
	p.ciscoList(f, "in", "bind it inbound on the outer interface")
	for _, r := range p.ciscoFlows(f) {
		if r.Direction == Outbound { // only replies come in here
			from := r.From
			if r.NAT != nil {
				from = hosts(r.NAT.From)
			}
			p.ciscoPermit(r, ciscoEnd(r, r.To, r.Ports), ciscoEnd(r, from, r.FromPorts), " established")
			continue
		}
		p.ciscoPermit(r, ciscoEnd(r, r.From, nil), ciscoEnd(r, r.To, r.Ports), "")
	}
	p.ciscoTooBig(f, f.outside())
	for _, r := range p.ciscoFlows(f) {
		p.ciscoStatic(r)
	}
}

func (p *page) ciscoClient(f family) {
	p.ciscoList(f, "out", "bind it inbound on the inner interface")
	for _, r := range p.ciscoFlows(f) {
		if r.Direction == Outbound {
			p.ciscoPermit(r, ciscoEnd(r, r.From, nil), ciscoEnd(r, r.To, r.Ports), "")
		} else {
			p.ciscoPermit(r, ciscoEnd(r, r.To, r.Ports), ciscoEnd(r, r.From, r.FromPorts), " established")
		}
	}
	p.ciscoList(f, "back", "bind it inbound on the outer interface")
	for _, r := range p.ciscoFlows(f) {
		if r.Direction == Outbound {
			p.ciscoPermit(r, ciscoEnd(r, r.To, r.Ports), ciscoEnd(r, f.clients, nil), " established")
		} else {
			p.ciscoPermit(r, ciscoEnd(r, r.From, r.FromPorts), ciscoEnd(r, r.To, r.Ports), "")
		}
	}
	p.ciscoTooBig(f, f.clients)
	if len(f.inside) > 0 {
		p.note("With the name of the outer interface in place of OUTER:")
		p.note("ip nat inside source list %s interface OUTER overload", p.ciscoName(f, "out"))
	}
}

func (p *page) ciscoName(f family, list string) string {
	name := p.name() + "-" + list
	if f.v6 {
		name += "-ipv6"
	}
	return name
}

func (p *page) ciscoList(f family, list, where string) {
	p.linef("! %s: %s", p.ciscoName(f, list), where)
	if f.v6 {
		p.linef("ipv6 access-list %s", p.ciscoName(f, list))
		return
	}
	p.linef("ip access-list extended %s", p.ciscoName(f, list))
}

// ciscoFlows returns the flows of one family.
func (p *page) ciscoFlows(f family) []rule {
	var of []rule
	for _, flow := range p.flows {
		if flow.IPv6 == f.v6 {
			of = append(of, rule{Flow: flow})
		}
	}
	return of
}

// ciscoPermit writes an entry for each pair of source and destination.
func (p *page) ciscoPermit(r rule, from, to []string, flag string) {
	p.linef(" remark %s", p.label(r))
	for _, a := range from {
		for _, b := range to {
			p.linef(" permit tcp %s %s%s", a, b, flag)
		}
	}
}

// ciscoTooBig lets messages of path MTU discovery in (RFC 1191, RFC 8201), which a list of TCP entries would drop.
func (p *page) ciscoTooBig(f family, to []netip.Prefix) {
	p.linef(" remark %s: path MTU", p.name())
	r := rule{Flow: Flow{IPv6: f.v6}}
	for _, end := range ciscoEnd(r, to, nil) {
		p.linef(" permit icmp any %s packet-too-big", end)
	}
}

// ciscoStatic translates the address as a whole if ports keep their numbers, which serves active mode, too. Otherwise
// it translates port by port.
func (p *page) ciscoStatic(r rule) {
	if r.NAT == nil || !r.NAT.To.IsValid() {
		return
	}
	inner := r.NAT.To
	outer := r.To[0].Addr()
	if !p.shifted() {
		if line := fmt.Sprintf("ip nat inside source static %v %v\n", inner, outer); !strings.Contains(p.out.String(), line) {
			p.out.WriteString(line)
		}
		return
	}
	if !p.limitEntries(count(r.Ports)) {
		return
	}
	for i, ports := range r.Ports {
		for n := range ports.size() {
			p.linef("ip nat inside source static tcp %v %d %v %d extendable",
				inner, int(r.innerPorts()[i].First)+n, outer, int(ports.First)+n)
		}
	}
}

// ciscoEnd returns the ends of access list entries: each network with each range of ports.
func ciscoEnd(r rule, prefixes []netip.Prefix, ports []Range) []string {
	var all []string
	for _, prefix := range orAny(prefixes) {
		if len(ports) == 0 {
			all = append(all, ciscoAddr(prefix))
		}
		for _, ports := range ports {
			all = append(all, ciscoAddr(prefix)+" "+ciscoPorts(ports))
		}
	}
	return all
}

func ciscoAddr(p netip.Prefix) string {
	switch {
	case !p.IsValid() || p.Bits() == 0:
		return "any"
	case p.IsSingleIP():
		return "host " + p.Addr().String()
	case p.Addr().Is6():
		return p.String()
	}
	mask := net.CIDRMask(p.Bits(), 32)
	for i := range mask {
		mask[i] = ^mask[i]
	}
	return p.Addr().String() + " " + net.IP(mask).String()
}

func ciscoPorts(r Range) string {
	switch {
	case r.First == r.Last:
		return fmt.Sprintf("eq %d", r.First)
	case r == unprivileged:
		return "gt 1023"
	}
	return fmt.Sprintf("range %d %d", r.First, r.Last)
}
