package passive

import "net/netip"

// network returns what one client can be assumed to own: an IPv4 address, or an IPv6 network of 64 bits (RFC 4291,
// section 2.5.1). Whatever is counted by address is counted by network, or an attacker would count anew with each of
// 2^64 addresses. Leases are matched on the address itself: a neighbour in the same network may be somebody else.
func network(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits) // the zero Addr, which stands for every address, has the zero Prefix
	return p
}

// crowd counts what one network has at a door. Guarded by Ports.mu.
type crowd struct {
	leases int // unconnected
	held   int // candidates that came from there
}

// crowds are the networks that have anything at a door. Ready when zero.
type crowds map[netip.Prefix]crowd

// of returns what the network of an address has.
func (cs crowds) of(addr netip.Addr) crowd { return cs[network(addr)] }

// add counts leases and candidates, or takes them back.
func (cs *crowds) add(addr netip.Addr, leases, held int) {
	if *cs == nil {
		*cs = make(crowds)
	}
	of := network(addr)
	c := (*cs)[of]
	c.leases += leases
	c.held += held
	if c == (crowd{}) {
		delete(*cs, of)
		return
	}
	(*cs)[of] = c
}
