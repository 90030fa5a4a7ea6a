package passive

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// peer is for whom a port is free or not: connections from key to local.
type peer struct{ key, local netip.Addr }

// waiter is a call of Lease that found every port taken.
type waiter struct {
	who   peer
	req   Request
	lease chan *Lease // takes one: the lease granted, or nil for another try
}

// enqueue puts a request behind the others of the same peer. The caller holds mu.
func (p *Ports) enqueue(who peer, r Request) *waiter {
	w := &waiter{who: who, req: r, lease: make(chan *Lease, 1)}
	if p.queues == nil {
		p.queues = make(map[peer][]*waiter)
	}
	p.queues[who] = append(p.queues[who], w)
	p.stats.Waiting++
	return w
}

// await returns the lease granted to w, or nil when w should try again.
func (p *Ports) await(ctx context.Context, w *waiter, wait time.Duration) (*Lease, error) {
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	var err error
	select {
	case l := <-w.lease:
		return l, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = ErrBusy
	}
	if p.withdraw(w) {
		if err == ErrBusy {
			p.count(func(s *Stats) { s.Busy++ })
		}
		return nil, err
	}
	// A lease was granted at the very moment of giving up.
	l := <-w.lease
	if l != nil && err != ErrBusy {
		l.Close()
		return nil, err
	}
	return l, nil
}

// withdraw takes w out of its queue, and tells whether it was still in there.
func (p *Ports) withdraw(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.queues[w.who], w)
	if i < 0 {
		return false
	}
	p.remove(w.who, i)
	return true
}

// freed passes a port that has become free for who on to the first in the queue, or lets it rest. The caller holds mu.
func (p *Ports) freed(d *door, who peer) {
	queue := p.queues[who]
	switch {
	case p.closed:
	case d.ln == nil || d.dead:
		// Not open yet, or no more: they find another door, or wait for this one.
		p.dismiss(who)
	case len(queue) > 0:
		w := queue[0]
		p.remove(who, 0)
		l := p.add(d, w.req)
		p.arm(l)
		w.lease <- l
	case len(d.leases) == 0:
		p.rest(d)
	}
}

// dismiss makes everybody in the queue try again: what they wait for will not come. The caller holds mu.
func (p *Ports) dismiss(who peer) {
	for _, w := range p.queues[who] {
		w.lease <- nil
		p.stats.Waiting--
	}
	delete(p.queues, who)
}

// remove takes one waiter out of a queue, and the queue out of the map when it was the last. The caller holds mu.
func (p *Ports) remove(who peer, i int) {
	p.stats.Waiting--
	if rest := slices.Delete(p.queues[who], i, i+1); len(rest) > 0 {
		p.queues[who] = rest
	} else {
		delete(p.queues, who)
	}
}
