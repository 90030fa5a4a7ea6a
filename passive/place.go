package passive

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// place is what a request may have in a group.
type place uint8

const (
	noPlace     place = iota
	freePlace         // of its own: claimed without proof here if the policy of the request allows it
	sharedPlace       // with others, to be claimed with proof only
)

// fits returns the place that a request may have in a group, of which nil is an empty one. mixes tells that the owner
// of the request uses the proof of one session for another: two leases of such an owner never share a port.
func (g *group) fits(r *Request, mixes bool) place {
	switch {
	case g == nil || len(g.leases) == 0:
		return freePlace
	case r.Identity == "" || g.exclusive() || mixes && g.owners[r.Owner] > 0:
		return noPlace
	case g.open == nil && g.guests == 0 && !r.Policy.demands():
		return freePlace
	}
	return sharedPlace
}

// unsorted reports whether a request and the leases of its owner in a group are better kept apart, because nobody knows
// yet whether the owner uses the proof of one session for another.
func (g *group) unsorted(r *Request) bool {
	if g == nil || r.Owner == "" || g.owners[r.Owner] == 0 {
		return false
	}
	return r.UntestedTickets || slices.ContainsFunc(g.leases, func(l *Lease) bool {
		return l.req.Owner == r.Owner && l.req.UntestedTickets
	})
}

// anyLimit bounds the listeners that one local address gets when the system chooses the ports.
const anyLimit = 256

// guesses bounds the ports tried at random before the whole set is looked at. Half a set that is free is missed once
// in 256 times.
const guesses = 8

// place puts a lease into the table: on a port of its own if there is one, otherwise on a shared port if share allows.
// waited tells that the queue has stood still for so long that any port will do that may serve the lease. Without a
// place, busy tells whether waiting can help. The caller holds mu.
func (p *Ports) place(who peer, r Request, share, waited bool) (l *Lease, busy bool) {
	now := time.Now()
	is := func(want place) func(*group) bool {
		return func(g *group) bool {
			return p.placeIn(g, &r) == want || waited && g.fits(&r, p.mixers.has(r.Owner)) == want
		}
	}
	kind := freePlace
	at, found, busy := p.pick(who, now, is(freePlace))
	if !found && share {
		kind = sharedPlace
		at, found, _ = p.pick(who, now, is(sharedPlace))
	}
	if !found {
		return nil, busy
	}
	d := p.doors[at]
	if d == nil {
		d = p.newDoor(at)
	}
	return p.add(d, who.key, r, kind), true
}

// placeIn returns the place that a request may have in a group, of which nil is an empty one. The caller holds mu.
func (p *Ports) placeIn(g *group, r *Request) place {
	if g.unsorted(r) {
		return noPlace
	}
	return g.fits(r, p.mixers.has(r.Owner))
}

// pick chooses a slot whose group of who's is free. Without one it tells whether waiting can help: some are busy,
// rather than all of them impossible to open. The caller holds mu.
func (p *Ports) pick(who peer, now time.Time, free func(*group) bool) (at slot, found, busy bool) {
	taken := func(at slot) bool {
		var g *group
		if d := p.doors[at]; d != nil {
			g = d.groups[who.key]
		}
		return !free(g)
	}
	if p.systemChooses() {
		return p.pickAny(who, now, taken)
	}
	size := p.set.len()
	var second slot
	for range guesses {
		at := slot{who.local, p.set.at(rand.IntN(size))}
		if taken(at) || p.shunned(at, now) {
			continue
		}
		// A late connection for an abandoned lease of this client may still be on its way here. One more try makes
		// that rare; insisting would make the port predictable.
		if found || !p.recent.has(peerSlot{at, who.key}, now) {
			return at, true, false
		}
		second, found = at, true
	}
	if found {
		return second, true, false
	}
	left := 0
	for n := range p.set.all() {
		candidate := slot{who.local, n}
		if p.shunned(candidate, now) {
			continue // nobody has a lease on it, so waiting does not help
		}
		if taken(candidate) {
			busy = true
			continue
		}
		if left++; rand.IntN(left) == 0 {
			at = candidate
		}
	}
	return at, left > 0, busy
}

// pickAny takes the first slot that is free for who, so that few are open, and not abandoned lately, as pick does.
func (p *Ports) pickAny(who peer, now time.Time, taken func(slot) bool) (at slot, found, busy bool) {
	for n := range uint16(anyLimit) {
		candidate := slot{who.local, n}
		if taken(candidate) {
			continue
		}
		if !p.recent.has(peerSlot{candidate, who.key}, now) {
			return candidate, true, false
		}
		if !found {
			at, found = candidate, true
		}
	}
	return at, found, !found
}

// mixers are owners who used the proof of one session for another. Ready when zero; guarded by Ports.mu. A forgotten
// one is noticed again.
type mixers map[string]struct{}

const mixerLimit = 4096

func (m *mixers) add(owner string) {
	if *m == nil || len(*m) >= mixerLimit {
		*m = make(mixers)
	}
	(*m)[owner] = struct{}{}
}

func (m mixers) has(owner string) bool {
	_, ok := m[owner]
	return ok
}

// key is what connections of a client are matched on.
func (p *Ports) key(client netip.Addr) netip.Addr {
	if p.InsecureAnyPeer {
		return netip.Addr{}
	}
	return client
}
