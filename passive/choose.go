package passive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Request says who wants a data connection.
type Request struct {
	// Client is the address the control connection comes from; the data connection must come from it, too.
	Client netip.Addr
	// Local is the address of this host that the client dialled; the port is opened there. The zero Addr opens it on
	// every address, and then an [Announcer] has to know what to tell.
	Local netip.Addr
	// Dialled is the address that the client dialled when that is not this host's: a balancer's in front of it. It
	// only serves to be announced. The zero Addr is Local.
	Dialled netip.Addr
	// Announce takes the place of [Ports.Announce] for this lease. Nil is [Ports.Announce].
	Announce Announcer
	// Session names the session in the log.
	Session string
	// Prover tells which session a connection belongs to. Nil is a session that can prove nothing, such as one with
	// data in clear: it shares a port with nobody of its address, and waits for one if need be.
	Prover Prover
	// Identity is what [Prover.Identify] says of this session's connections. It must not be empty with a Prover, and no
	// two sessions of one Prover may share it.
	Identity string
	// Owner is who the session belongs to, such as a user at an address; empty is nobody. A program with several
	// sessions may use the proof of one for another: a connection that proves to be of another session of the same
	// owner is taken for the lease's if no other is here. Leases of an owner that does so share no port. An owner of
	// another Prover is somebody else, whatever the name.
	Owner string
	// SharesTickets tells that the owner is known to use the proof of one session for another.
	SharesTickets bool
	// UntestedTickets tells that it is not known whether the owner uses the proof of one session for another: no
	// connection of this session has proved itself by its own proof while the owner had another session. Such a lease
	// shares a port with others of its owner only when the queue stands still: for a second if the policy demands
	// proof, else for half of [Ports.Wait].
	UntestedTickets bool
	// Policy says what the session's connections are expected to prove. Without a Prover it means nothing.
	Policy ProofPolicy
	// waived is the session on whose behalf the Prover does the handshake, for the policy Waived.
	waived identity
	// HelloTimeout is how long a connection may say nothing once the transfer has been asked for. 0 is 10 seconds.
	HelloTimeout time.Duration
	// Logger hears of strangers and of ports that cannot be opened, if [Ports.Logger] is nil. Nil is silence.
	Logger *slog.Logger
}

// Lease reserves a port for one data connection from r.Client. The port is chosen at random, unpredictably, among
// those without an unconnected lease of that address, and is open when Lease returns. When there is none, Lease joins
// the queue of that address, for as long as [Ports.Wait] says. A queue is served in order, and nobody waits for another
// address.
//
// The error is [ErrBusy], [ErrClosed] or the error of ctx, or says which ports cannot be opened and why.
func (p *Ports) Lease(ctx context.Context, r Request) (*Lease, error) {
	given := r
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
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t, err := p.follows()
		if err != nil {
			return nil, err
		}
		if t != nil {
			given.Dialled = r.Dialled
			return p.leaseElsewhere(ctx, t, given)
		}
		l, w, err := p.reserve(r, first)
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

// reserve puts a lease into the table, or the caller into the queue. Where every port could not be opened lately, the
// first call for a request has one of them tried again: an error at once would serve nobody.
func (p *Ports) reserve(r Request, first bool) (*Lease, *waiter, error) {
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	if r.SharesTickets {
		p.mixers.add(r.owner())
	}
	who := peer{p.key(r.Client), r.Local}
	if !p.queues[who].exclusive() {
		l, busy := p.place(who, r, r.Policy.demands(), false)
		if l == nil && !busy && first && p.forgive(who.local) {
			l, busy = p.place(who, r, r.Policy.demands(), false)
		}
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

// ensure opens the lease's port and starts its TTL, unless that has been done. When the port cannot be opened, ensure
// ends the lease, and again tells that another port may do.
func (p *Ports) ensure(ctx context.Context, l *Lease) (again bool, err error) {
	p.open(ctx, l.door)
	select {
	case <-l.door.ready:
	case <-l.done: // closed by Ports.Close
	case <-ctx.Done():
		l.Close()
		return false, ctx.Err()
	}
	if err := p.letLateOnesCome(ctx, l); err != nil {
		l.Close()
		return false, err
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

// lateFor is how long a connection may take from the client's connect to here, through the kernel's queue and on a
// machine with more to do. It is a variable for the tests that walk beside a model, in which it does not occur.
var lateFor = 200 * time.Millisecond

// letLateOnesCome waits before a lease that can prove nothing is announced, if the client was told of the same port for
// another lease a moment ago and no connection came. A connection for that lease may have been made and not been
// accepted yet. While letLateOnesCome waits, such a connection is turned away; afterwards it would be taken for the new
// lease's.
func (p *Ports) letLateOnesCome(ctx context.Context, l *Lease) error {
	p.mu.Lock()
	pause := p.lateness(l)
	p.mu.Unlock()
	if pause <= 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// lateness returns for how long letLateOnesCome has to wait. The caller holds mu.
func (p *Ports) lateness(l *Lease) time.Duration {
	if l.req.Identity != "" || l.state != opening {
		return 0
	}
	return time.Until(p.recent.since(peerSlot{l.door.at, l.key}).Add(lateFor))
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

// wildcard turns the IPv6 wildcard address [::], on which a listener serves both families, into the zero Addr, which
// stands for all addresses.
func wildcard(a netip.Addr) netip.Addr {
	if a == netip.IPv6Unspecified() {
		return netip.Addr{}
	}
	return a
}

// place is what a request may have in a group.
type place uint8

const (
	noPlace     place = iota
	freePlace         // of its own: claimed without proof here if the policy of the request allows it
	sharedPlace       // with others, to be claimed with proof only
)

// fits returns the place that a request may have in a group; nil is an empty group. mixes tells that the owner of the
// request uses the proof of one session for another: two leases of such an owner never share a port.
func (g *group) fits(r *Request, mixes bool) place {
	switch {
	case g == nil || len(g.leases) == 0:
		return freePlace
	case r.Identity == "" || g.exclusive() || mixes && g.owners[r.owner()] > 0:
		return noPlace
	case g.open == nil && g.guests == 0 && !r.Policy.demands():
		return freePlace
	}
	return sharedPlace
}

// unsorted reports whether a request and the leases of its owner in a group are better kept apart, because nobody knows
// yet whether the owner uses the proof of one session for another.
func (g *group) unsorted(r *Request) bool {
	if g == nil || r.Owner == "" || g.owners[r.owner()] == 0 {
		return false
	}
	return r.UntestedTickets || slices.ContainsFunc(g.leases, func(l *Lease) bool {
		return l.req.owner() == r.owner() && l.req.UntestedTickets
	})
}

// anyLimit bounds the listeners that one local address gets when the system chooses the ports.
const anyLimit = 256

// guesses bounds the ports tried at random before the whole set is looked at. Where half the set is free, all of them
// miss once in 256 times.
const guesses = 8

// place puts a lease into the table: on a port of its own if there is one, otherwise on a shared port if share allows.
// waited tells that the queue has stood still for so long that any port will do that may serve the lease. Without a
// place, busy tells whether waiting can help. The caller holds mu.
func (p *Ports) place(who peer, r Request, share, waited bool) (l *Lease, busy bool) {
	now := time.Now()
	is := func(want place) func(*group) bool {
		return func(g *group) bool {
			return p.placeIn(g, &r) == want || waited && g.fits(&r, p.mixers.has(r.owner())) == want
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

// placeIn returns the place that a request may have in a group until the queue has stood still for too long; nil is an
// empty group. The caller holds mu.
func (p *Ports) placeIn(g *group, r *Request) place {
	if g.unsorted(r) {
		return noPlace
	}
	return g.fits(r, p.mixers.has(r.owner()))
}

// pick chooses a slot for who; free reports whether the group that who has there, nil for none, has the wanted place.
// If no slot is found, busy tells whether waiting can help: some slots are taken, and not all are impossible to open.
// The caller holds mu.
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
	size := p.set.size()
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

// key returns what connections of a client are matched on.
func (p *Ports) key(client netip.Addr) netip.Addr {
	if p.InsecureAnyPeer {
		return netip.Addr{}
	}
	return client
}
