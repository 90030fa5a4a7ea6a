package firewall

import (
	"fmt"
	"net/netip"
	"strings"
)

// multiportLimit is how many ports iptables accepts in one match; a range counts as two.
const multiportLimit = 15

// iptables writes one file for both iptables-restore and ip6tables-restore. Each skips the rules that begin with the
// other's mark, -6 or -4.
func iptables(p *page) {
	p.note("Load with iptables-restore and with ip6tables-restore, both: a rule that starts with -4 or -6 is for one of them. "+
		"They replace the rules of every table they name. Everything else is dropped%s: add what else the machine needs.", p.except())
	if p.side == Server {
		p.noteUpkeep()
		rules := p.hostRules()
		p.linef("*filter\n:INPUT DROP [0:0]")
		p.linef("-A INPUT -i lo %s", iptAccept(p.name()+": loopback"))
		p.linef("-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED %s", iptAccept(p.name()+": replies"))
		p.iptUpkeep()
		p.iptRules("INPUT", rules)
		p.linef("COMMIT")
		return
	}
	p.linef("*filter\n:FORWARD DROP [0:0]")
	p.linef("-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED %s", iptAccept(p.name()+": replies"))
	p.iptRules("FORWARD", p.rules)
	p.linef("COMMIT")
	p.iptNAT()
}

func (p *page) iptRules(chain string, rules []rule) {
	for _, r := range rules {
		for _, ports := range iptPorts(r.innerPorts()) {
			p.linef("%s-A %s%s -m conntrack --ctstate NEW %s", iptFamily(r), chain, iptMatch(r, r.innerTo(), ports), iptAccept(p.label(r)))
		}
	}
}

func (p *page) iptNAT() {
	var lines []string
	add := func(r rule, chain, match, action string) {
		lines = append(lines, fmt.Sprintf("%s-A %s%s -m comment --comment %q -j %s", iptFamily(r), chain, match, p.label(r)+", translation", action))
	}
	for _, r := range p.rules {
		switch n := r.NAT; {
		case n == nil:
		case n.To.IsValid():
			for _, t := range iptTargets(r) {
				match := iptDestination(r.To) + " -p tcp" + t.ports
				add(r, "PREROUTING", match, "DNAT --to-destination "+t.to)
			}
		case n.From.IsValid():
			for _, ports := range iptPorts(r.Ports) {
				add(r, "POSTROUTING", iptMatch(r, r.To, ports), "SNAT --to-source "+n.From.String())
			}
		case n.Masquerade:
			for _, ports := range iptPorts(r.Ports) {
				add(r, "POSTROUTING", iptMatch(r, r.To, ports), "MASQUERADE")
			}
		}
	}
	if len(lines) > 0 {
		p.linef("*nat\n%s\nCOMMIT", strings.Join(lines, "\n"))
	}
}

// iptTarget is one translation: the match of its ports, and its destination.
type iptTarget struct{ ports, to string }

// iptTargets returns the translations of a rule. If ports keep their numbers, each translation has as many ports as one
// rule can name; otherwise each has one range. The number behind the slash is the outer port that becomes the first
// inner one (Linux 4.18 and later).
func iptTargets(r rule) []iptTarget {
	var all []iptTarget
	addr := r.NAT.To.String()
	if r.NAT.Ports == nil {
		for _, ports := range iptPorts(r.Ports) {
			all = append(all, iptTarget{ports, addr})
		}
		return all
	}
	if r.IPv6 {
		addr = "[" + addr + "]"
	}
	for i, outer := range r.Ports {
		to := addr + ":" + r.NAT.Ports[i].String()
		if outer.size() > 1 {
			to += fmt.Sprintf("/%d", outer.First)
		}
		all = append(all, iptTarget{iptPorts([]Range{outer})[0], to})
	}
	return all
}

func iptMatch(r rule, to []netip.Prefix, ports string) string {
	var b strings.Builder
	if len(r.From) > 0 {
		b.WriteString(" -s " + strings.Join(shorts(r.From), ","))
	}
	if len(to) > 0 {
		b.WriteString(" -d " + strings.Join(shorts(to), ","))
	}
	b.WriteString(" -p tcp")
	if len(r.FromPorts) > 0 {
		b.WriteString(" --sport " + r.FromPorts[0].with(":"))
	}
	b.WriteString(ports)
	return b.String()
}

// iptDestination returns the match for the public address, or for any address of the firewall itself if that is
// unknown.
func iptDestination(to []netip.Prefix) string {
	if len(to) > 0 {
		return " -d " + strings.Join(shorts(to), ",")
	}
	return " -m addrtype --dst-type LOCAL"
}

// iptPorts returns the matches for a list of ports, as few as multiport allows.
func iptPorts(ports []Range) []string {
	if len(ports) == 1 {
		return []string{" --dport " + ports[0].with(":")}
	}
	var all []string
	for _, some := range chunks(ports, multiportLimit) {
		all = append(all, " -m multiport --dports "+joinRanges(some, ":", ","))
	}
	return all
}

// chunks splits ports into lists of at most limit numbers, where a range counts as two.
func chunks(ports []Range, limit int) [][]Range {
	var all [][]Range
	room := 0
	for _, r := range ports {
		size := min(r.size(), 2)
		if size > room {
			all, room = append(all, nil), limit
		}
		room -= size
		all[len(all)-1] = append(all[len(all)-1], r)
	}
	return all
}

func iptFamily(r rule) string {
	switch {
	case r.both:
		return ""
	case r.IPv6:
		return "-6 "
	}
	return "-4 "
}

func iptAccept(comment string) string {
	return fmt.Sprintf("-m comment --comment %q -j ACCEPT", comment)
}
