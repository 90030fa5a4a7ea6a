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
	// guests counts the leases that share the port only because waiting did not help. Whether they will prove
	// themselves nobody knows, so that as long as there is one a connection without proof may be anybody's.
	guests  int
	owners  map[string]int // leases by Request.Owner
	arrived []*candidate
}

// exclusive reports whether the group is one lease that can prove nothing: whatever comes from the address is its.
func (g *group) exclusive() bool { return g != nil && g.open != nil && g.open.req.Proof == "" }

// fits tells which places a request may have in a group, of which nil is an empty one: open, with the right to be
// claimed without proof, or shared, to be claimed with proof only. crowd allows to share with others of its owner.
func (g *group) fits(r *Request, crowd bool) (open, shared bool) {
	switch {
	case g == nil || len(g.leases) == 0:
		return r.Habit != Must, r.Habit == Must
	case r.Proof == "" || g.exclusive():
		return false, false
	case g.owners[r.Owner] > 0:
		return false, crowd && g.idle(r.Owner)
	}
	return g.open == nil && g.guests == 0 && !r.sharesAtOnce(), true
}

// sharesAtOnce tells whether a request takes a shared place rather than wait for one of its own.
func (r *Request) sharesAtOnce() bool { return r.Habit == Proves || r.Habit == Must }

// enter puts a lease into its group, in a place that it was found to fit. The caller holds mu.
func (d *door) enter(l *Lease, open bool) {
	g := d.group(l.key)
	g.leases = append(g.leases, l)
	l.group = g
	d.leases++
	switch {
	case open:
		g.open = l
	case !l.req.sharesAtOnce():
		l.guest = true
		g.guests++
	}
	if l.req.Proof != "" {
		d.proofs[l.req.Proof] = l
	}
	if l.req.Owner != "" {
		if g.owners == nil {
			g.owners = make(map[string]int)
		}
		g.owners[l.req.Owner]++
	}
}

// idle reports whether no lease of an owner has its transfer under way. The caller holds mu.
func (g *group) idle(owner string) bool {
	return !slices.ContainsFunc(g.leases, func(l *Lease) bool { return l.req.Owner == owner && l.wanted })
}

// of is the one lease of an owner, nil for none or several. The caller holds mu.
func (g *group) of(owner string) *Lease {
	if g.owners[owner] != 1 {
		return nil
	}
	for _, l := range g.leases {
		if l.req.Owner == owner {
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
	if g.open == l {
		g.open = nil
	}
	if l.guest {
		g.guests--
	}
	if d.proofs[l.req.Proof] == l {
		delete(d.proofs, l.req.Proof)
	}
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
