package firewall

import (
	"net/netip"
	"strings"
)

// nftables writes one table that can be loaded again and again. It declares the table before it deletes it, so
// that the deletion works the first time, too.
func nftables(p *page) {
	p.note("Load with nft -f. Everything else is dropped%s: add what else the machine needs.", p.except())
	if p.side == Server {
		p.noteUpkeep()
	}
	table := "inet ftps-" + p.name() // the prefix keeps the name apart from nft's own words
	p.linef("table %s\ndelete table %s\ntable %s {", table, table, table)
	if p.side == Server {
		p.nftInput()
	} else {
		p.nftForward()
	}
	p.linef("}")
}

// except returns a warning of what else the rules drop, which may surprise.
func (p *page) except() string {
	if p.side == Server {
		return ", new SSH sessions included"
	}
	return ", whatever else the firewall forwards included"
}

func (p *page) nftInput() {
	rules := p.hostRules()
	p.linef("\tchain input {\n\t\ttype filter hook input priority filter; policy drop;")
	p.linef("\t\tiif \"lo\" accept comment %q", p.name()+": loopback")
	p.linef("\t\tct state established,related accept comment %q", p.name()+": replies")
	p.nftUpkeep()
	for _, r := range rules {
		p.linef("\t\t%sct state new accept comment %q", nftMatch(r, r.To, r.Ports), p.label(r))
	}
	p.linef("\t}")
}

func (p *page) nftForward() {
	p.linef("\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;")
	p.linef("\t\tct state established,related accept comment %q", p.name()+": replies")
	for _, r := range p.rules {
		// Matches the translated destination: forwarding comes after it was translated, and before the source is.
		p.linef("\t\t%sct state new accept comment %q", nftMatch(r, r.innerTo(), r.innerPorts()), p.label(r))
	}
	p.linef("\t}")
	p.nftChain("prerouting", "dstnat", func(n *NAT) bool { return n.To.IsValid() }, func(r rule) string {
		return nftDestination(r) + "dnat " + nftFamily(r) + " to " + nftTarget(r)
	})
	p.nftChain("postrouting", "srcnat", func(n *NAT) bool { return n.From.IsValid() || n.Masquerade }, func(r rule) string {
		action := "masquerade"
		if r.NAT.From.IsValid() {
			action = "snat " + nftFamily(r) + " to " + r.NAT.From.String()
		}
		return nftMatch(r, r.To, r.Ports) + action
	})
}

// nftChain writes the translations of one hook, if there are any.
func (p *page) nftChain(hook, priority string, wanted func(*NAT) bool, text func(rule) string) {
	var lines []string
	for _, r := range p.rules {
		if r.NAT != nil && wanted(r.NAT) {
			lines = append(lines, "\t\t"+text(r)+" comment \""+p.label(r)+", translation\"")
		}
	}
	if len(lines) > 0 {
		p.linef("\tchain %s {\n\t\ttype nat hook %s priority %s; policy accept;\n%s\n\t}", hook, hook, priority, strings.Join(lines, "\n"))
	}
}

// nftDestination returns the match for the destination to translate: the public address, or any address of the
// firewall itself if that is unknown.
func nftDestination(r rule) string {
	if len(r.To) > 0 {
		return nftFamily(r) + " daddr " + nftAddrs(r.To) + " tcp dport " + nftPorts(r.Ports) + " "
	}
	return "meta nfproto " + nftProto(r) + " fib daddr type local tcp dport " + nftPorts(r.Ports) + " "
}

// nftTarget returns the translated destination. It maps each port by itself if numbers differ: given a range, nft
// would choose any port of it.
func nftTarget(r rule) string {
	addr := r.NAT.To.String()
	if r.NAT.Ports == nil {
		return addr
	}
	if r.IPv6 {
		addr = "[" + addr + "]"
	}
	if len(r.Ports) == 1 && r.Ports[0].size() == 1 {
		return addr + ":" + r.NAT.Ports[0].String()
	}
	var pairs []string
	for i, outer := range r.Ports {
		for n := range outer.size() {
			o, in := outer.First+uint16(n), r.NAT.Ports[i].First+uint16(n)
			pairs = append(pairs, Range{o, o}.String()+" : "+Range{in, in}.String())
		}
	}
	return addr + ":tcp dport map { " + strings.Join(pairs, ", ") + " }"
}

func nftMatch(r rule, to []netip.Prefix, ports []Range) string {
	var b strings.Builder
	family := nftFamily(r)
	if len(r.From) > 0 {
		b.WriteString(family + " saddr " + nftAddrs(r.From) + " ")
	}
	if len(to) > 0 {
		b.WriteString(family + " daddr " + nftAddrs(to) + " ")
	}
	if b.Len() == 0 && !r.both {
		b.WriteString("meta nfproto " + nftProto(r) + " ")
	}
	if len(r.FromPorts) > 0 {
		b.WriteString("tcp sport " + nftPorts(r.FromPorts) + " ")
	}
	b.WriteString("tcp dport " + nftPorts(ports) + " ")
	return b.String()
}

func nftFamily(r rule) string {
	if r.IPv6 {
		return "ip6"
	}
	return "ip"
}

func nftProto(r rule) string { return strings.ToLower(familyName(r.IPv6)) }

func nftAddrs(prefixes []netip.Prefix) string { return nftSet(shorts(prefixes)) }

func nftPorts(ports []Range) string {
	var all []string
	for _, r := range ports {
		all = append(all, r.String())
	}
	return nftSet(all)
}

func nftSet(elements []string) string {
	if len(elements) == 1 {
		return elements[0]
	}
	return "{ " + strings.Join(elements, ", ") + " }"
}
