// Package networks reads networks that people write, and compares them as they are meant.
package networks

import (
	"fmt"
	"net/netip"
)

// Parse reads a network such as 10.0.0.0/8, or an address, which stands for itself alone. A network of IPv4-mapped
// addresses becomes the IPv4 one. Bits of an address behind the network's are an error, since nobody knows which of
// the two was meant.
func Parse(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network; want one such as 10.0.0.0/8 or 2001:db8::/32, or an address", text)
	}
	prefix = Unmap(prefix)
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%v is an address within a network; write %v for the network or %v for the address",
			prefix, prefix.Masked(), prefix.Addr())
	}
	return prefix, nil
}

// Unmap returns the IPv4 network that a network of IPv4-mapped addresses stands for, and any other network as it is.
func Unmap(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p
}

// Contains reports whether a network has an address, however both are written: IPv4 as IPv6 or not, with a zone or
// without.
func Contains(p netip.Prefix, a netip.Addr) bool {
	return Unmap(p).Contains(a.Unmap().WithZone(""))
}
