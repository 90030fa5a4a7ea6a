package passive

import (
	"errors"
	"fmt"
)

// Slice returns the data ports of instance i of n, counted from 0. The instances share one set of ports and one
// address: a load balancer sends each port to the instance that owns it, and so every data connection to the instance
// that its client is logged in to. The slices are consecutive, in ascending order of their ports, share none, and
// differ in length by one port at most: those of "21000-21019" for two are "21000-21009" and "21010-21019". Ports that
// the set excludes belong to nobody.
//
// The options are those of p as they are now. A p that was sliced is not to be used beside its slices, since two Ports
// must not share a port. The error says what is wrong with i and n, or that there are too few ports.
func (p *Ports) Slice(i, n int) (*Ports, error) {
	switch size := p.Len(); {
	case p.systemChooses():
		return nil, errors.New("passive: ports that the system chooses have no slices; name a set such as 21000-21019")
	case n < 1:
		return nil, fmt.Errorf("passive: a slice for one of %d instances; want 1 or more", n)
	case i < 0 || i >= n:
		return nil, fmt.Errorf("passive: there is no instance %d of %d; they count from 0 to %d", i, n, n-1)
	case size < n:
		return nil, fmt.Errorf("passive: ports %q are %d, too few for %d instances with a port each", p, size, n)
	}
	return &Ports{
		Announce: p.Announce, Offset: p.Offset, TTL: p.TTL, Wait: p.Wait, Idle: p.Idle, InsecureAnyPeer: p.InsecureAnyPeer,
		StrictPeer: p.StrictPeer, Listen: p.Listen, Logger: p.Logger,
		set: p.set.slice(p.Len()*i/n, p.Len()*(i+1)/n),
	}, nil
}

// slice returns the ports whose places in the ascending order are at least from and less than until, counted from 0.
func (s portSet) slice(from, until int) portSet {
	var out portSet
	for _, r := range s {
		size := int(r.last) - int(r.first) + 1
		if first, last := max(from, 0), min(until, size)-1; first <= last {
			out = append(out, span{r.first + uint16(first), r.first + uint16(last)})
		}
		from, until = from-size, until-size
	}
	return out
}
