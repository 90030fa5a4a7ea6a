package passive

import (
	"net/netip"
	"slices"
)

// group is what one door has to do with one client address: the unconnected leases, and connections that came from
// there and whose owner is not known yet. Guarded by Ports.mu.
type group struct {
	door   *door
	key    netip.Addr
	leases []*Lease
	// open is the one lease that may be claimed without proof, nil for none. When it can prove nothing itself it is
	// alone in the group.
	open *Lease
	// guests counts the leases that share the port only because waiting did not help. Nobody knows whether the clients
	// of such leases will prove themselves: as long as there is a guest, a connection without proof may be anybody's.
	guests  int
	owners  map[string]int // leases by Request.Owner
	arrived []*candidate
}

// exclusive reports whether the group is one lease that can prove nothing: whatever comes from the address is its.
func (g *group) exclusive() bool { return g != nil && g.open != nil && g.open.req.Identity == "" }

// enter puts a lease into its group, in a place that it was found to fit. The caller holds mu.
func (d *door) enter(l *Lease, at place) {
	g := d.group(l.key)
	g.leases = append(g.leases, l)
	l.group = g
	d.leases++
	d.crowds.add(l.key, 1, 0)
	switch {
	case l.req.Policy.demands():
	case at == freePlace:
		g.open = l
	default:
		l.guest = true
		g.guests++
	}
	if l.req.Identity != "" {
		d.proofs[l.identity()] = l
		d.provers.enter(l.req.Prover)
	}
	if l.req.Owner != "" {
		if g.owners == nil {
			g.owners = make(map[string]int)
		}
		g.owners[l.req.Owner]++
	}
}

// of returns a lease of an owner whose connections a prover tells, nil without. The caller holds mu.
func (g *group) of(owner string, prover Prover) *Lease {
	if g.owners[owner] == 0 {
		return nil
	}
	for _, l := range g.leases {
		if l.req.Owner == owner && l.req.Prover == prover {
			return l
		}
	}
	return nil
}

// exit takes a lease out of its group. The caller holds mu.
func (d *door) exit(l *Lease) {
	g := l.group
	if i := slices.Index(g.leases, l); i >= 0 {
		g.leases = slices.Delete(g.leases, i, i+1)
	}
	d.leases--
	d.crowds.add(l.key, -1, 0)
	if g.open == l {
		g.open = nil
	}
	if l.guest {
		g.guests--
	}
	l.leaveProofs()
	if n := g.owners[l.req.Owner]; n > 1 {
		g.owners[l.req.Owner] = n - 1
	} else {
		delete(g.owners, l.req.Owner)
	}
}

// group returns what the door has to do with key, making it if need be. The caller holds mu.
func (d *door) group(key netip.Addr) *group {
	g := d.groups[key]
	if g == nil {
		g = &group{door: d, key: key}
		d.groups[key] = g
	}
	return g
}

// trim forgets a group that is empty. The caller holds mu.
func (d *door) trim(g *group) {
	if len(g.leases) == 0 && len(g.arrived) == 0 && d.groups[g.key] == g {
		delete(d.groups, g.key)
	}
}

// lone returns a lease of the door, which has at least one. The caller holds mu.
func (d *door) lone() *Lease {
	for _, g := range d.groups {
		for _, l := range g.leases {
			return l
		}
	}
	return nil
}

// leaveProofs makes claims of the lease's session mean nothing on its door any more. The caller holds mu.
func (l *Lease) leaveProofs() {
	if l.req.Identity == "" {
		return
	}
	if l.door.proofs[l.identity()] == l {
		delete(l.door.proofs, l.identity())
	}
	l.door.provers.exit(l.req.Prover)
}

// provers are those of the leases on a door. Nearly always it is one.
type provers struct {
	list  []Prover
	count []int
}

func (p *provers) enter(one Prover) {
	i := slices.Index(p.list, one)
	if i < 0 {
		i = len(p.list)
		p.list, p.count = append(slices.Clip(p.list), one), append(p.count, 0) // listen may have the old list
	}
	p.count[i]++
}

func (p *provers) exit(one Prover) {
	i := slices.Index(p.list, one)
	if p.count[i]--; p.count[i] == 0 {
		p.list, p.count = slices.Concat(p.list[:i], p.list[i+1:]), slices.Delete(p.count, i, i+1)
	}
}
