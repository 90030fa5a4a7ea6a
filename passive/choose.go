package passive

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Lease reserves a port for one data connection from r.Client. The port is chosen at random, unpredictably, among
// those without an unconnected lease of that address, and is open when Lease returns. When there is none, Lease joins
// the queue of that address, for as long as [Ports.Wait] says. A queue is served in order, and nobody waits for another
// address.
//
// The error is [ErrBusy], [ErrClosed] or the error of ctx, or says which ports cannot be opened and why.
func (p *Ports) Lease(ctx context.Context, r Request) (*Lease, error) {
	r.Client, r.Local, r.Dialled = plain(r.Client), plain(r.Local), plain(r.Dialled)
	if !r.Dialled.IsValid() {
		r.Dialled = r.Local
	}
	r.Local = wildcard(r.Local)
	if r.Prover == nil {
		r.Identity = ""
	}
	if r.Policy == Waived {
		r.waived, r.Identity = identity{r.Prover, r.Identity}, ""
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
			if err == nil {
				err = l.mapPort()
			}
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
	who := peer{p.key(r.Client), r.Local}
	if !p.queues[who].exclusive() {
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
	}
	return nil, p.enqueue(who, r), nil
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
	if l.door.interrupted || !p.systemChooses() && portsOwn(failure) {
		return true, nil
	}
	return false, fmt.Errorf("passive: %w", failure)
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
