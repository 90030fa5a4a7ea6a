package firewall

import (
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/passive"
)

// family is an address family in use, and what the Setup says about it.
type family struct {
	v6         bool
	server     []netip.Addr // empty is every address
	public     netip.Addr   // not valid if it is the server's, or unknown
	hidden     bool         // public is the unknown address of a NAT
	translated bool         // clients dial another address or other ports than the server listens on
	clients    []netip.Prefix
	inside     []netip.Prefix
}

// families returns the address families in use, IPv4 first.
func (s Setup) families() []family {
	var in []family
	for _, v6 := range []bool{false, true} {
		if !s.serves(v6) {
			continue
		}
		f := family{v6: v6, clients: prefixesOf(s.Clients, v6), inside: prefixesOf(s.Inside, v6)}
		if len(s.Clients) > 0 && len(f.clients) == 0 {
			continue
		}
		// Drops the list if one network has length 0, which is everybody.
		if slices.ContainsFunc(f.clients, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
			f.clients = nil
		}
		f.server = ofFamily(s.Server, v6)
		if slices.ContainsFunc(f.server, netip.Addr.IsUnspecified) {
			f.server = nil
		}
		if public := ofFamily(s.Public, v6); len(public) > 0 {
			f.public = public[0]
		}
		f.hidden = s.hides(f)
		f.translated = f.hidden || s.shifted() || f.public.IsValid() && !slices.Contains(f.server, f.public)
		in = append(in, f)
	}
	return in
}

// serves reports whether clients can reach the server over a family.
func (s Setup) serves(v6 bool) bool {
	if len(s.Server)+len(s.Public) == 0 {
		return true
	}
	return len(ofFamily(s.Server, v6))+len(ofFamily(s.Public, v6)) > 0
}

// hides reports whether PublicName leads to the server through a NAT whose address is unknown: the server's own
// address is private, and not all clients have private ones.
func (s Setup) hides(f family) bool {
	return s.PublicName != "" && !f.v6 && !f.public.IsValid() && len(f.server) == 1 && passive.Private(f.server[0]) && !allPrivate(f.clients)
}

func allPrivate(prefixes []netip.Prefix) bool {
	return len(prefixes) > 0 && !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return !passive.Private(p.Addr()) })
}

// shifted reports whether any port has another number outside.
func (s Setup) shifted() bool {
	for inner, outer := range s.External {
		if inner != outer {
			return true
		}
	}
	return s.DataOffset != 0
}

func (s Setup) external(port uint16) uint16 {
	if outer, ok := s.External[port]; ok {
		return outer
	}
	return port
}

// service is a set of ports of one purpose, with their numbers outside and inside: range by range, of equal length.
type service struct {
	purpose      Purpose
	outer, inner []Range
}

// services returns the services of the control ports and of the data ports.
func (s Setup) services() []service {
	var all []service
	add := func(p Purpose, pairs []pair) {
		if len(pairs) > 0 {
			all = append(all, compact(p, pairs))
		}
	}
	add(ControlExplicit, s.control(s.Explicit))
	add(ControlImplicit, s.control(s.Implicit))
	var data []pair
	if ports, err := passive.Range(s.Data); err == nil {
		for n := range ports.Numbers() {
			data = append(data, pair{outer: uint16(int(n) + s.DataOffset), inner: n})
		}
	}
	add(Data, data)
	return all
}

// pair is the number of one port outside and inside.
type pair struct{ outer, inner uint16 }

func (s Setup) control(ports []uint16) []pair {
	var pairs []pair
	for _, n := range ports {
		pairs = append(pairs, pair{s.external(n), n})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return int(a.outer) - int(b.outer) })
	return pairs
}

// compact joins ports into ranges where the numbers follow each other on both sides.
func compact(p Purpose, pairs []pair) service {
	s := service{purpose: p}
	for _, n := range pairs {
		last := len(s.outer) - 1
		if last >= 0 && int(s.outer[last].Last)+1 == int(n.outer) && int(s.inner[last].Last)+1 == int(n.inner) {
			s.outer[last].Last, s.inner[last].Last = n.outer, n.inner
			continue
		}
		s.outer = append(s.outer, Range{n.outer, n.outer})
		s.inner = append(s.inner, Range{n.inner, n.inner})
	}
	return s
}

func ofFamily(addrs []netip.Addr, v6 bool) []netip.Addr {
	var of []netip.Addr
	for _, a := range addrs {
		if a.Is6() == v6 && a.IsValid() {
			of = appendNew(of, a)
		}
	}
	return of
}

// prefixesOf returns the networks of one family, sorted and without those within another, since some firewalls refuse
// sets that overlap.
func prefixesOf(prefixes []netip.Prefix, v6 bool) []netip.Prefix {
	var of []netip.Prefix
	for _, p := range prefixes {
		if p.IsValid() && p.Addr().Is6() == v6 {
			of = append(of, p)
		}
	}
	slices.SortFunc(of, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var kept []netip.Prefix
	for _, p := range of {
		if last := len(kept) - 1; last < 0 || !kept[last].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

func familyName(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}
