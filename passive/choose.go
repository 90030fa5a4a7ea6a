package passive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// anyLimit bounds the listeners that one local address gets when the system chooses the ports.
const anyLimit = 256

// guesses bounds the ports tried at random before the whole set is looked at. Half a set that is free is missed once
// in 256 times.
const guesses = 8

// Lease reserves a port for one data connection from r.Client. The port is chosen at random, unpredictably, among
// those without an unconnected lease of that address, and is open when Lease returns. When there is none, Lease waits
// for one up to [Ports.Wait]; those who wait are served in order, address by address, and nobody waits for another
// address.
//
// The error is [ErrBusy], [ErrClosed], that of ctx, or says which ports cannot be opened and why.
func (p *Ports) Lease(ctx context.Context, r Request) (*Lease, error) {
	r.Client, r.Local, r.Dialled = plain(r.Client), plain(r.Local), plain(r.Dialled)
	if !r.Dialled.IsValid() {
		r.Dialled = r.Local
	}
	if r.Prover == nil {
		r.Identity = ""
	}
	if r.Identity == "" {
		r.Prover, r.Policy = nil, Unlikely
	}
	if !r.Client.IsValid() && !p.InsecureAnyPeer {
		return nil, errors.New("passive: Request.Client is not an address")
	}
	since := time.Now()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, w, err := p.reserve(r)
		if err != nil {
			return nil, err
		}
		if w != nil {
			if err := p.await(ctx, w, since); err != nil {
				return nil, err
			}
			if l = w.got; l == nil {
				continue
			}
		}
		again, err := p.ensure(ctx, l)
		if !again {
			if err != nil {
				return nil, err
			}
			return l, nil
		}
	}
}

// reserve puts a lease into the table, or the caller into the queue.
func (p *Ports) reserve(r Request) (*Lease, *waiter, error) {
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	if r.SharesTickets {
		p.mixers.add(r.Owner)
	}
	who := peer{p.key(r.Client), wildcard(r.Local)}
	if p.queues[who].exclusive() {
		return nil, p.enqueue(who, r), nil
	}
	l, busy := p.place(who, r, r.Policy.demands(), false)
	switch {
	case l != nil:
		return l, nil, nil
	case !busy:
		return nil, nil, p.failed(who.local)
	case p.wait() < 0:
		p.stats.Busy++
		return nil, nil, ErrBusy
	}
	return nil, p.enqueue(who, r), nil
}

// place puts a lease into the table: on a port of its own if there is one, else, if that will do, on one that it
// shares. waited tells that the queue has stood still for so long that it does with any port that may serve it. Without
// a place it tells whether waiting can help. The caller holds mu.
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
	return p.add(d, r, kind), true
}

// placeIn returns the place that a request may have in a group, of which nil is an empty one. The caller holds mu.
func (p *Ports) placeIn(g *group, r *Request) place {
	if g.unsorted(r) {
		return noPlace
	}
	return g.fits(r, p.mixers.has(r.Owner))
}

// ensure makes sure that the lease's port is open and starts its time, unless both is so already. When the port cannot
// be opened the lease is ended, and again tells that another port may do.
func (p *Ports) ensure(ctx context.Context, l *Lease) (again bool, err error) {
	p.open(ctx, l.door)
	select {
	case <-l.door.ready:
	case <-l.done: // by Ports.Close
	case <-ctx.Done():
		l.Close()
		return false, ctx.Err()
	}
	p.mu.Lock()
	defer p.unlock()
	failure := l.door.err
	switch {
	case l.state == ended:
		return false, l.err
	case l.state != opening:
		return false, nil
	case failure == nil:
		p.arm(l)
		return false, nil
	}
	p.end(l, failure)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if l.door.interrupted || !p.any() && portsOwn(failure) {
		return true, nil
	}
	return false, fmt.Errorf("passive: %w", failure)
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
	if p.any() {
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

// plain brings an address into the one form that is compared: IPv4 as such, and a zone only where it tells hosts
// apart, on link-local addresses.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if !a.IsLinkLocalUnicast() {
		a = a.WithZone("")
	}
	return a
}

// wildcard turns the IPv6 wildcard, which serves both families, into the zero Addr, which says so.
func wildcard(a netip.Addr) netip.Addr {
	if a == netip.IPv6Unspecified() {
		return netip.Addr{}
	}
	return a
}
