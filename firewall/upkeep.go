package firewall

// upkeep is a kind of packet that a machine's own IPv6 needs, even if FTPS is not served over IPv6, and that belongs to
// no connection a stateful firewall knows. Rules that drop these packets take away the machine's address and route
// within half an hour, since most routers advertise both for so long. IPv4 needs no such rules: ARP is not IP, and DHCP
// clients read packets below the firewall.
type upkeep struct {
	name string // of the packets, for labels

	nft string   // the match of nftables
	ipt []string // the types of message in ip6tables, one for each rule
	pf  string   // the match of pf
}

// upkeeps lists the messages of RFC 4890, section 4.4.1, as far as a host receives them, and the answers of DHCPv6.
var upkeeps = []upkeep{
	{
		// RFC 4861, sections 4.3 and 4.4: without these nobody finds the machine's link-layer address. Too-big messages
		// (RFC 4890, section 4.4.1) need no rule, since they are related to a connection.
		name: "neighbours",
		nft:  "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }",
		ipt:  []string{"neighbour-solicitation", "neighbour-advertisement"},
		pf:   "proto ipv6-icmp all icmp6-type { neighbrsol, neighbradv }",
	},
	{
		// RFC 4861, section 4.2: router advertisements bring the address (RFC 4862) and the route, and prolong both.
		// They come from a link-local address.
		name: "router advertisements",
		nft:  "ip6 saddr fe80::/10 icmpv6 type nd-router-advert",
		ipt:  []string{"router-advertisement"},
		pf:   "proto ipv6-icmp from fe80::/10 to any icmp6-type routeradv",
	},
	{
		// RFC 3810, section 5.1: a switch asks who listens to a group, and stops forwarding the group's packets if
		// nobody answers. Packets that look for the machine's link-layer address go to such a group.
		name: "multicast listeners",
		nft:  "ip6 saddr fe80::/10 icmpv6 type mld-listener-query",
		ipt:  []string{"130"},
		// allow-opts: the question has a router alert option, for which pf would drop it.
		pf: "proto ipv6-icmp from fe80::/10 to any icmp6-type listqry allow-opts",
	},
	{
		// RFC 8415, section 7.2: for networks with DHCPv6. The client asks a multicast group, so a firewall doesn't
		// take the answer, which comes from the server's own address, for a reply.
		name: "DHCP",
		nft:  "ip6 saddr fe80::/10 udp dport 546",
		pf:   "proto udp from fe80::/10 to any port 546",
	},
}

// noteUpkeep notes why the rules let in more than FTPS.
func (p *page) noteUpkeep() {
	p.note("What the machine's own IPv6 lives on gets in as well: neighbours, routers, groups (RFC 4890) and answers of DHCPv6.")
}

// upkeepLabel returns the comment for the rules of an upkeep.
func (p *page) upkeepLabel(u upkeep) string { return p.name() + ": " + u.name + " IPv6" }

// nftUpkeep writes the rules for nftables.
func (p *page) nftUpkeep() {
	for _, u := range upkeeps {
		p.linef("\t\t%s accept comment %q", u.nft, p.upkeepLabel(u))
	}
}

// iptUpkeep writes the rules for ip6tables, each of which matches one type of message.
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

// iptKinds maps the types of messages between neighbours to words for labels.
var iptKinds = map[string]string{"neighbour-solicitation": "neighbour solicitation", "neighbour-advertisement": "neighbour advertisement"}

// pfUpkeep writes the rules for pf.
func (p *page) pfUpkeep() {
	for _, u := range upkeeps {
		p.linef("pass in inet6 %s label %q", u.pf, p.upkeepLabel(u))
	}
}
