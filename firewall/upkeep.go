package firewall

// upkeep is one kind of packet that a machine's own IPv6 needs, whether or not FTPS is served over IPv6, and that
// belongs to no connection a stateful firewall knows. Rules that drop these packets take the machine's address and
// route away within half an hour, since most routers advertise both for so long. IPv4 needs nothing of that kind: ARP
// is no IP, and DHCP clients read below the firewall.
type upkeep struct {
	name string // of what is let in, for a label

	nft string   // nftables' match
	ipt []string // ip6tables' types of message, a rule for each
	pf  string   // pf's match
}

// upkeeps lists the messages of RFC 4890, section 4.4.1, as far as a host receives them, and the answers of DHCPv6.
var upkeeps = []upkeep{
	{
		// RFC 4861, sections 4.3 and 4.4: without these nobody finds the machine's link-layer address. Too-big messages
		// (RFC 4890, section 4.4.1) need no rule: they are related to a connection.
		name: "neighbours",
		nft:  "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }",
		ipt:  []string{"neighbour-solicitation", "neighbour-advertisement"},
		pf:   "proto ipv6-icmp all icmp6-type { neighbrsol, neighbradv }",
	},
	{
		// RFC 4861, section 4.2: they bring the address (RFC 4862) and the route, and prolong both. They come from a
		// link-local address.
		name: "router advertisements",
		nft:  "ip6 saddr fe80::/10 icmpv6 type nd-router-advert",
		ipt:  []string{"router-advertisement"},
		pf:   "proto ipv6-icmp from fe80::/10 to any icmp6-type routeradv",
	},
	{
		// RFC 3810, section 5.1: a switch that asks who listens to a group, and hears nothing, forwards its packets no
		// more; those that look for the machine's link-layer address are such.
		name: "multicast listeners",
		nft:  "ip6 saddr fe80::/10 icmpv6 type mld-listener-query",
		ipt:  []string{"130"},
		// The question has a router alert among its options, for which pf would drop it.
		pf: "proto ipv6-icmp from fe80::/10 to any icmp6-type listqry allow-opts",
	},
	{
		// RFC 8415, section 7.2: where addresses come from DHCPv6. The client has asked a group, so that to the
		// firewall an answer from the server's own address is none.
		name: "DHCP",
		nft:  "ip6 saddr fe80::/10 udp dport 546",
		pf:   "proto udp from fe80::/10 to any port 546",
	},
}

// noteUpkeep says why the rules let in more than was asked for.
func (p *page) noteUpkeep() {
	p.note("What the machine's own IPv6 lives on gets in as well: neighbours, routers, groups (RFC 4890) and answers of DHCPv6.")
}

// upkeepLabel returns what the rules of an upkeep are commented with.
func (p *page) upkeepLabel(u upkeep) string { return p.name() + ": " + u.name + " IPv6" }

// nftUpkeep writes the rules for nftables.
func (p *page) nftUpkeep() {
	for _, u := range upkeeps {
		p.linef("\t\t%s accept comment %q", u.nft, p.upkeepLabel(u))
	}
}

// iptUpkeep writes the rules for ip6tables, which takes one type of message in each.
func (p *page) iptUpkeep() {
	for _, u := range upkeeps {
		if u.ipt == nil {
			p.linef("-6 -A INPUT -s fe80::/10 -p udp --dport 546 %s", iptAccept(p.upkeepLabel(u)))
		}
		for _, kind := range u.ipt {
			source, label := " -s fe80::/10", p.upkeepLabel(u)
			if len(u.ipt) > 1 { // neighbours have addresses of every scope
				source, label = "", p.name()+": "+iptKinds[kind]+" IPv6"
			}
			p.linef("-6 -A INPUT%s -p ipv6-icmp -m icmp6 --icmpv6-type %s %s", source, kind, iptAccept(label))
		}
	}
}

// iptKinds are the messages between neighbours in words.
var iptKinds = map[string]string{"neighbour-solicitation": "neighbour solicitation", "neighbour-advertisement": "neighbour advertisement"}

// pfUpkeep writes the rules for pf.
func (p *page) pfUpkeep() {
	for _, u := range upkeeps {
		p.linef("pass in inet6 %s label %q", u.pf, p.upkeepLabel(u))
	}
}
