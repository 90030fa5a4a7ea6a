package passive

import (
	"errors"
	"fmt"
	"net/netip"
)

// A PortMapper is an [Announcer] for networks that reach the data ports by numbers of their own: a port forwarder for
// each uplink, say. Offset is added to the port that a client is told, besides [Ports.Offset]; the sum must be a port.
// It is called concurrently, once for each lease. [Rules] are one.
type PortMapper interface {
	Announcer
	Offset(client netip.Addr) int
}

var _ PortMapper = Rules(nil)

// offset returns what an announcer adds to the port that a client is told, 0 for one that is no [PortMapper].
func offset(a Announcer, client netip.Addr) int {
	if m, ok := a.(PortMapper); ok {
		return m.Offset(client)
	}
	return 0
}

// Offset returns the offset of the first rule that matches client, 0 without one.
func (r Rules) Offset(client netip.Addr) int {
	for _, rule := range r {
		if rule.matches(client) {
			return rule.Offset + offset(rule.Announce, client)
		}
	}
	return 0
}

// offsets returns every number that the rules may add to a port.
func (r Rules) offsets() []int {
	all := []int{0}
	for _, rule := range r {
		inner := []int{0}
		if m, ok := rule.Announce.(interface{ offsets() []int }); ok {
			inner = m.offsets()
		}
		for _, n := range inner {
			all = append(all, rule.Offset+n)
		}
	}
	return all
}

// ValidateAnnouncer reports what is wrong with an announcer for these ports, be it [Ports.Announce] or that of a
// [Request], as far as it shows without touching the network: what its own method Validate says, and rules that make
// numbers of the ports which are none. Nil means that nothing is wrong.
func (p *Ports) ValidateAnnouncer(a Announcer) error {
	errs := []error{validate(a)}
	all := []int{0}
	if m, ok := a.(interface{ offsets() []int }); ok {
		all = m.offsets()
	}
	seen := make(map[int]bool)
	for _, n := range all {
		if n += p.Offset; !seen[n] {
			seen[n] = true
			errs = append(errs, p.validateOffset(n))
		}
	}
	return errors.Join(errs...)
}

func (p *Ports) validateOffset(n int) error {
	switch {
	case n == 0:
		return nil
	case p.systemChooses():
		return fmt.Errorf("passive: Offset is %d, but a forwarder cannot follow ports that the system chooses; name them", n)
	}
	first, last := int(p.set[0].first), int(p.set[len(p.set)-1].last)
	if first+n < 1 || last+n > 65535 {
		return fmt.Errorf("passive: Offset is %d, which turns ports %d to %d into %d to %d; clients can be told 1 to 65535",
			n, first, last, first+n, last+n)
	}
	return nil
}
