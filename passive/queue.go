package passive

import (
	"context"
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"
)

const (
	// joinAfter is how long a queue stands still before a session that will prove itself shares a port, even if others
	// wait before it.
	joinAfter = time.Second
	// staleAfter is how long a lease keeps the right to be claimed without proof while others of its address wait, no
	// connection has come for it and its transfer has not been asked for.
	staleAfter = 5 * time.Second
	// waitLimit bounds the waiting in a queue that moves. Clients give up on a reply after a minute or so.
	waitLimit = time.Minute
)

// peer is a pair of addresses: key, where connections come from, and local, where they go. Whether a port is free is a
// question for each peer by itself.
type peer struct{ key, local netip.Addr }

// queue holds the calls of Lease that wait for ports of one peer, in order.
type queue struct {
	waiters []*waiter
	moved   time.Time // when a connection last came for the peer
	alone   int       // waiters that can share a port with nobody
}

// waiter stands for a call of Lease that found every port taken.
type waiter struct {
	who   peer
	req   Request
	lease chan *Lease // takes one: the lease granted, or nil for another try
	got   *Lease      // what await has taken out of lease, or recheck has granted
}

// exclusive reports whether a waiter is in the queue that can share a port with nobody. Later waiters stay behind, or
// the turn of such a waiter would never come.
func (q *queue) exclusive() bool { return q != nil && q.alone > 0 }

// overtakes reports whether a place for a waiter would be taken past one that can share a port with nobody, or past
// itself if it is such a one.
func (q *queue) overtakes(i int) bool {
	return slices.ContainsFunc(q.waiters[:i+1], func(w *waiter) bool { return w.req.Identity == "" })
}

// enqueue puts a request behind the others of the same peer. The caller holds mu.
func (p *Ports) enqueue(who peer, r Request) *waiter {
	w := &waiter{who: who, req: r, lease: make(chan *Lease, 1)}
	if p.queues == nil {
		p.queues = make(map[peer]*queue)
	}
	q := p.queues[who]
	if q == nil {
		q = new(queue)
		p.queues[who] = q
	}
	q.waiters = append(q.waiters, w)
	if r.Identity == "" {
		q.alone++
	}
	p.stats.Waiting++
	return w
}

// await waits until w.got is the lease granted, or nil if the caller should try again. since is when the waiting began.
func (p *Ports) await(ctx context.Context, w *waiter, since time.Time) error {
	p.mu.Lock()
	first := p.nextLook(w, since, since)
	p.mu.Unlock()
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case w.got = <-w.lease:
			return nil
		case <-ctx.Done():
			if p.withdraw(w) {
				return ctx.Err()
			}
			// A lease was granted at the very moment of giving up.
			if l := <-w.lease; l != nil {
				l.Close()
			}
			return ctx.Err()
		case now := <-timer.C:
			var again time.Duration
			var err error
			if w.got, again, err = p.recheck(w, since, now); w.got != nil || err != nil {
				return err
			}
			timer.Reset(again)
		}
	}
}

// longestWait returns how long a call of Lease waits at most.
func (p *Ports) longestWait() time.Duration { return max(waitLimit, p.wait()) }

// recheck has a waiter whose timer has run out take a place, give up, or wait on. When the queue has stood still, any
// place will do that may serve the waiter: beside a lease of its own owner and, unless it is known to prove nothing, a
// shared one.
func (p *Ports) recheck(w *waiter, since, now time.Time) (l *Lease, again time.Duration, err error) {
	p.mu.Lock()
	defer p.unlock()
	p.retire(w.who, now)
	q := p.queues[w.who]
	i := -1
	if q != nil {
		i = slices.Index(q.waiters, w)
	}
	if i < 0 {
		return nil, p.wait(), nil // granted, and on its way
	}
	still := since
	if q.moved.After(still) {
		still = q.moved
	}
	plain := w.req.Policy == Unlikely
	if now.Sub(still) >= p.sharesAfter(&w.req) && !(plain && q.overtakes(i)) {
		if l, _ := p.place(w.who, w.req, !plain, true); l != nil {
			p.remove(w.who, i)
			return l, 0, nil
		}
	}
	if !now.Before(p.busyAt(w.who, since, still, now)) {
		p.quit(w.who, i)
		p.stats.Busy++
		return nil, 0, ErrBusy
	}
	return nil, p.nextLook(w, since, still), nil
}

// busyAt returns when a waiter gives up, with ErrBusy: when the queue has stood still for Wait, somewhat later where a
// lease is about to give way, and waitLimit after since in any case. The caller holds mu.
func (p *Ports) busyAt(who peer, since, still, now time.Time) time.Time {
	patience := p.wait()
	if next := p.untilRetire(who, now); next < math.MaxInt64 {
		patience = max(patience, min(now.Add(next).Sub(still), patience+min(patience, staleAfter)))
	}
	return earlier(still.Add(patience), since.Add(p.longestWait()))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// retire takes the right to be claimed without proof from the leases of a peer that have not made use of it for
// staleAfter, and gives it to those who wait. A lease that can prove nothing ends. The caller holds mu.
func (p *Ports) retire(who peer, now time.Time) {
	for _, l := range slices.Collect(p.unused(who)) {
		if now.Sub(l.armed) < staleAfter {
			continue
		}
		if l.req.Identity == "" {
			p.end(l, ErrExpired)
			continue
		}
		l.demandProof()
		p.dirty = append(p.dirty, l.group)
		p.freed(l.door, who)
	}
}

// untilRetire returns how long it takes until retire will find a lease of the peer, or the longest duration if it will
// find none. The caller holds mu.
func (p *Ports) untilRetire(who peer, now time.Time) time.Duration {
	next := time.Duration(math.MaxInt64)
	for l := range p.unused(who) {
		next = min(next, max(l.armed.Add(staleAfter).Sub(now), 0))
	}
	return next
}

// demandProof makes a lease good for proof only. The caller holds mu.
func (l *Lease) demandProof() {
	g := l.group
	if g.open == l {
		g.open = nil
	}
	if l.guest {
		l.guest = false
		g.guests--
	}
	l.doubted, l.retired = true, true
}

// unused yields the open leases and the guests of a peer whose transfers have not been asked for, where no connection
// of the group waits. The caller holds mu.
func (p *Ports) unused(who peer) iter.Seq[*Lease] {
	return func(yield func(*Lease) bool) {
		for at, d := range p.doors {
			g := d.groups[who.key]
			if at.local != who.local || g == nil || len(g.arrived) > 0 {
				continue
			}
			for _, l := range g.leases {
				if (l == g.open || l.guest) && l.state == waiting && l.wantedAt == 0 && !yield(l) {
					return
				}
			}
		}
	}
}

// nextLook returns how long a waiter sleeps before it looks again if no port is granted: until the earliest of giving
// up, the retirement of a lease, and the right to share. since is when the waiting began; still is when the queue last
// moved, or since. The caller holds mu.
func (p *Ports) nextLook(w *waiter, since, still time.Time) time.Duration {
	now := time.Now()
	next := min(p.busyAt(w.who, since, still, now).Sub(now), p.untilRetire(w.who, now))
	after := p.sharesAfter(&w.req)
	join := still.Add(after).Sub(now)
	if join <= 0 {
		join = after
	}
	return max(min(next, join), 0)
}

// sharesAfter returns how long a queue stands still before a session in it shares a port or, if it is known to prove
// nothing, takes a place beside leases of its own owner. A session of which nothing is known may turn out to prove
// nothing, and then fails on a shared port. Both wait longer than one that will prove itself: the turn of a session
// comes in a queue that moves, but may never come behind leases that nobody uses.
func (p *Ports) sharesAfter(r *Request) time.Duration {
	if r.Policy.demands() {
		return joinAfter
	}
	return max(joinAfter, p.wait()/2)
}

// withdraw takes w out of its queue, and reports whether w was still in it.
func (p *Ports) withdraw(w *waiter) bool {
	p.mu.Lock()
	defer p.unlock()
	q := p.queues[w.who]
	if q == nil {
		return false
	}
	i := slices.Index(q.waiters, w)
	if i < 0 {
		return false
	}
	p.quit(w.who, i)
	return true
}

// quit takes a waiter that gives up out of its queue. If the waiter could share a port with nobody, those behind it get
// the ports that they had to leave to it. The caller holds mu.
func (p *Ports) quit(who peer, i int) {
	alone := p.queues[who].waiters[i].req.Identity == ""
	p.remove(who, i)
	if !alone {
		return
	}
	for at, d := range p.doors {
		if at.local == who.local && d.ln != nil {
			p.freed(d, who)
		}
	}
}

// freed passes a port that has become free for who on to the first in the queue, and to those behind it for whom there
// is room as well, or lets it rest. The caller holds mu.
func (p *Ports) freed(d *door, who peer) {
	if p.closed {
		return
	}
	if d.ln == nil || d.dead {
		// The door is not open yet, or not any more: the waiters choose another one, or wait until this one is open.
		p.dismiss(who)
		return
	}
	for i := 0; p.queues[who] != nil && i < len(p.queues[who].waiters); {
		w := p.queues[who].waiters[i]
		at := p.placeIn(d.groups[who.key], &w.req)
		switch {
		case at == freePlace || at == sharedPlace && w.req.Policy.demands():
			p.remove(who, i)
			l := p.add(d, who.key, w.req, at)
			if p.lateness(l) <= 0 {
				p.arm(l)
			} // else ensure arms the lease
			w.lease <- l
		case w.req.Identity == "":
			i = len(p.queues[who].waiters) // the waiters behind it must not overtake it
		default:
			i++
		}
	}
	if d.leases == 0 {
		p.startIdle(d)
	}
}

// dismiss makes everybody in the queue try again: what they wait for will not come. The caller holds mu.
func (p *Ports) dismiss(who peer) {
	q := p.queues[who]
	if q == nil {
		return
	}
	for _, w := range q.waiters {
		w.lease <- nil
		p.stats.Waiting--
	}
	delete(p.queues, who)
}

// remove takes one waiter out of a queue, and the queue out of the map when it was the last. The caller holds mu.
func (p *Ports) remove(who peer, i int) {
	q := p.queues[who]
	if q.waiters[i].req.Identity == "" {
		q.alone--
	}
	p.stats.Waiting--
	if q.waiters = slices.Delete(q.waiters, i, i+1); len(q.waiters) == 0 {
		delete(p.queues, who)
	}
}
