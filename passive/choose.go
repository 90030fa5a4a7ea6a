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
	r.Client, r.Local = plain(r.Client), plain(r.Local)
	if !r.Client.IsValid() && !p.InsecureAnyPeer {
		return nil, errors.New("passive: Request.Client is not an address")
	}
	deadline := time.Now().Add(p.wait())
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, w, err := p.reserve(r)
		if err != nil {
			return nil, err
		}
		if w != nil {
			l, err = p.await(ctx, w, time.Until(deadline))
			if l != nil || err != nil {
				return l, err
			}
			continue
		}
		again, err := p.settle(ctx, l)
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
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	who := peer{p.key(r.Client), wildcard(r.Local)}
	at, found, busy := p.pick(who, time.Now())
	switch {
	case found:
		d := p.doors[at]
		if d == nil {
			d = p.newDoor(at)
		}
		return p.add(d, r), nil, nil
	case !busy:
		return nil, nil, p.failed(who.local)
	case p.wait() < 0:
		p.stats.Busy++
		return nil, nil, ErrBusy
	}
	return nil, p.enqueue(who, r), nil
}

// settle makes sure that the lease's port is open and starts its time. When the port cannot be opened the lease is
// ended, and again tells that another port may do.
func (p *Ports) settle(ctx context.Context, l *Lease) (again bool, err error) {
	p.open(ctx, l.door)
	select {
	case <-l.door.ready:
	case <-l.done: // by Ports.Close
	case <-ctx.Done():
		l.Close()
		return false, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	failure := l.door.err
	switch {
	case l.state == ended:
		return false, l.err
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

// pick chooses a slot for who. Without one it tells whether waiting can help: some are busy, rather than all of them
// impossible to open. The caller holds mu.
func (p *Ports) pick(who peer, now time.Time) (at slot, found, busy bool) {
	if p.any() {
		return p.pickAny(who, now)
	}
	size := p.set.len()
	var second slot
	for range guesses {
		at := slot{who.local, p.set.at(rand.IntN(size))}
		if p.taken(at, who.key) || p.shunned(at, now) {
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
	free := 0
	for n := range p.set.all() {
		candidate := slot{who.local, n}
		if p.taken(candidate, who.key) {
			busy = true
			continue
		}
		if p.shunned(candidate, now) {
			continue
		}
		if free++; rand.IntN(free) == 0 {
			at = candidate
		}
	}
	return at, free > 0, busy
}

// pickAny takes the first slot that is free for who, so that few are open, and not abandoned lately, as pick does.
func (p *Ports) pickAny(who peer, now time.Time) (at slot, found, busy bool) {
	for n := range uint16(anyLimit) {
		candidate := slot{who.local, n}
		if p.taken(candidate, who.key) {
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

func (p *Ports) taken(at slot, key netip.Addr) bool {
	d := p.doors[at]
	return d != nil && d.leases[key] != nil
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
