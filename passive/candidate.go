package passive

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// Bounds of what connections may hold of which nobody knows yet whose they are.
const (
	// spare is how many connections more than leases one network may have waiting at a door at leisure.
	spare = 16
	// maxHeld is how many more it may have at all. Beyond spare they have to speak within hurry. None of them is ever
	// closed in favour of another: the silent ones may be the owner's.
	maxHeld = 128
	hurry   = 5 * time.Second
	// maxRoaming is how many may wait at a door from addresses without a lease there, and mostRoaming how many of them
	// may come from one network, so that no network keeps out anybody from elsewhere.
	maxRoaming  = 64
	mostRoaming = maxRoaming * 3 / 4
	// defaultHello is how long a connection may say nothing once its transfer has been asked for.
	defaultHello = 10 * time.Second
)

// candidate is a connection that came to a door and waits to be given to a lease. Guarded by Ports.mu, but for conn,
// which belongs to whoever reads from it: the goroutine of hear until the connection has spoken, then the goroutine of
// the handshake.
type candidate struct {
	group   *group
	conn    net.Conn
	from    netip.Addr
	number  uint64 // order of arrival, compared with that of leases
	spoke   uint64 // when it became known what it claims, in the order of number; 0 until then
	hurried bool   // it has less time to speak
	roaming bool   // it comes from another address than the lease's, or than any lease's here
	counted bool   // in door.roaming
	claim   claim
	lease   *Lease // that the connection claims, or that a handshake was done for
	sibling bool   // it shows the proof of another session of the owner of lease
	hearing bool   // hear has not ended yet
	mine    *Lease // for which hear is to do the handshake
	shaking bool
	cut     context.CancelCauseFunc // ends that; nil while nobody does it
	limited bool                    // its turn is about to be over, or is, since others wait
	handed  bool                    // to Accept
	full    bool                    // its handshake is done and proved nothing
	gone    bool                    // given to a lease, or refused
}

// hold keeps a connection until it is known whose it is, or returns nil when that can't help or there is no room. The
// caller holds mu.
func (p *Ports) hold(d *door, c net.Conn, from netip.Addr) *candidate {
	if len(d.proofs) == 0 || d.dead {
		return nil
	}
	key := p.key(from)
	g, crowd := d.groups[key], d.crowds.of(key)
	roaming := g == nil || len(g.leases) == 0
	switch {
	case roaming && (p.StrictPeer || d.roaming >= maxRoaming || p.strikes.many(network(from), maxStrikes)):
		return nil
	case roaming && crowd.held >= crowd.leases+mostRoaming:
		return nil
	case roaming:
		g = d.group(key)
		d.roaming++
	case crowd.held >= crowd.leases+maxHeld:
		return nil
	}
	cand := &candidate{group: g, conn: c, from: from, number: p.next(), roaming: roaming, counted: roaming}
	cand.hurried = crowd.held >= crowd.leases+spare
	g.arrived = append(g.arrived, cand)
	d.crowds.add(key, 0, 1)
	p.stats.Unproven++
	p.bound(cand)
	return cand
}

// next returns the next number in the order of events.
func (p *Ports) next() uint64 {
	p.numbers++
	return p.numbers
}

// longAgo is a deadline that ends a wait.
var longAgo = time.Unix(1, 0)

// bound bounds the silence of a connection: until the transfer is asked for, many clients have nothing to say. The
// caller holds mu.
func (p *Ports) bound(c *candidate) {
	if c.group.exclusive() { // DropProof has ended the wait, which a later deadline would begin again
		p.deadline(c.conn, longAgo)
		return
	}
	limit := p.ttl()
	for _, l := range c.group.leases {
		if l.wantedAt != 0 {
			limit = min(limit, or(l.req.HelloTimeout, defaultHello))
			break
		}
	}
	if c.hurried {
		limit = min(limit, hurry)
	}
	p.deadline(c.conn, time.Now().Add(limit))
}

// hear finds out whose a connection claims to be, and does its handshake if its turn has come already. It runs in the
// connection's own goroutine and ends when the client has spoken or the connection is closed.
func (p *Ports) hear(c *candidate, provers []Prover) {
	claim, replay, err := identify(provers, c.conn)
	owner := ""
	if err == nil && claim.session != "" {
		owner, err = p.awaitOwner(c, claim)
	}
	p.mu.Lock()
	c.hearing = true
	p.heard(c, claim, owner, replay, err)
	p.settleAll()
	c.hearing = false
	l, life := c.mine, p.alive
	p.unlock()
	if l != nil {
		p.shake(life, l, c)
	}
}

// loss is how a connection was lost that may have been for a lease without proof.
type loss uint8

const (
	hungUp      loss = iota // without a word: whoever it was waits for nothing
	fellSilent              // for too long
	failedShake             // in the handshake
)

// lose notes the loss of a connection that may have been all that the client of a lease without proof makes. The lease
// waits on after one that hung up, after one that said nothing before the transfer was asked for, and when it demands
// proof. The caller holds mu.
func (g *group) lose(c *candidate, how loss) {
	l := g.open
	if l == nil || l.state != waiting || c.number < l.number {
		return
	}
	if l.lost == nil {
		l.lost = ErrGone
	}
	if how == failedShake || how == fellSilent && l.wantedAt != 0 {
		l.stop(forAnother)
		l.failed, l.over[forAnother] = true, how == fellSilent
	}
}

// loginWait is how long a claim to a session waits for somebody to log in to it.
const loginWait = 2 * time.Second

// awaitOwner returns the owner of a session that a connection claims to be for. A program that keeps the tickets of
// its sessions in one place may show that of one which is about to log in, for the transfer of another.
func (p *Ports) awaitOwner(c *candidate, of identity) (owner string, err error) {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		if owner, err = ownerOf(of); owner != "" || err != nil || pause > loginWait/2 || p.leased(c, of) {
			return owner, err
		}
		select {
		case <-time.After(pause):
		case <-c.group.door.quit:
			return "", nil
		}
	}
}

// leased reports whether the owner of a session need not be known: because the session has a lease on the door itself,
// or because nobody waits for the connection any more.
func (p *Ports) leased(c *candidate, of identity) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.gone || c.group.door.proofs[of] != nil
}

// ownerOf asks a prover for the owner of a session that it has found.
func ownerOf(of identity) (owner string, err error) {
	defer recovered(&err)
	return of.prover.OwnerOf(of.session), nil
}

// heard notes which session a connection claims to be for, by what the client has sent. The caller holds mu.
func (p *Ports) heard(c *candidate, who identity, owner string, replay net.Conn, err error) {
	if c.gone {
		return
	}
	g := c.group
	p.dirty = append(p.dirty, g)
	p.deadline(c.conn, time.Time{})
	c.conn = replay
	switch {
	case g.exclusive() && g.open.state == waiting && c.number > g.open.number:
		// The lease has dropped its proof in the meantime.
		p.release(c)
		p.connect(g.open, replay)
		return
	case err != nil:
		p.turnAway(c)
		how := hungUp
		if errors.Is(err, os.ErrDeadlineExceeded) {
			how = fellSilent
		}
		g.lose(c, how)
		return
	}
	c.spoke = p.next()
	p.claims(c, who, owner)
	switch {
	case c.lease != nil && c.lease.group != g:
		p.move(c, c.lease.group)
	case g.exclusive():
		p.refuse(c, errEarly) // the rule is not asked
	}
}

// claims notes what a claim means on a connection's door: the lease of the session, or else one of another session of
// the same owner, for a program that keeps the tickets of its sessions in one place. The caller holds mu.
func (p *Ports) claims(c *candidate, who identity, owner string) {
	l := c.group.door.proofs[who]
	switch {
	case l != nil:
	case who.session == "" || owner == "":
		c.claim = unproven
		return
	default:
		l = p.sibling(c.group.door, who, owner)
		c.sibling = l != nil
	}
	if l == nil || l.state != waiting || p.mixed(l) {
		c.claim = foreign
		return
	}
	c.claim, c.lease = claims, l
}

// sibling finds the lease that a connection is for whose ticket is from a session without a lease on the door: a lease
// of another session of the same owner. It returns nil if the client of that session was told of the port lately and
// the owner is not known to offer the ticket of one session for another: then the connection came late, and is nobody
// else's. The caller holds mu.
func (p *Ports) sibling(d *door, who identity, name string) *Lease {
	one := owner{who.prover, name}
	for _, g := range d.groups {
		l := g.of(one)
		if l != nil && (p.mixers.has(one) || !p.recentSessions.has(sessionSlot{d.at, who}, time.Now())) {
			return l
		}
	}
	return nil
}

// mixed reports whether several sessions wait on a lease's port that belong to one owner, who offers the ticket of one
// session for another. A ticket does not tell then which of the sessions is meant. The caller holds mu.
func (p *Ports) mixed(l *Lease) bool {
	return l.group.owners[l.req.owner()] > 1 && p.mixers.has(l.req.owner())
}

// move makes a connection one of another group: that of the lease it claims. The caller holds mu.
func (p *Ports) move(c *candidate, to *group) {
	p.depart(c)
	c.group, c.roaming = to, true
	to.arrived = append(to.arrived, c)
	p.dirty = append(p.dirty, to)
}

// depart takes a candidate from its group, and has the rule judge those who stay there again. The caller holds mu.
func (p *Ports) depart(c *candidate) {
	g := c.group
	p.dirty = append(p.dirty, g)
	i := slices.Index(g.arrived, c)
	g.arrived = slices.Delete(g.arrived, i, i+1)
	g.door.trim(g)
}

// release takes a candidate from those waiting. The caller holds mu.
func (p *Ports) release(c *candidate) {
	c.gone = true
	if c.counted {
		c.group.door.roaming--
	}
	c.group.door.crowds.add(p.key(c.from), 0, -1)
	p.depart(c)
	p.stats.Unproven--
}

// turnAway refuses a candidate; it is closed when mu is released, or by the one who does its handshake. The caller
// holds mu.
func (p *Ports) turnAway(c *candidate) {
	p.release(c)
	p.stats.Strangers++
	if !c.shaking {
		p.refused = append(p.refused, c.conn)
	}
}

// disperse turns away whoever waits at a door for an owner that can't come any more. The caller holds mu.
func (p *Ports) disperse(d *door) {
	for _, g := range d.groups {
		for _, c := range slices.Clone(g.arrived) {
			if d.dead || len(d.proofs) == 0 {
				p.turnAway(c)
			}
		}
	}
}

// loggerFor returns the logger that hears of a connection to a door: the logger of the lease that the connection was
// for, if that lease is known. The caller holds mu.
func (d *door) loggerFor(l *Lease) *slog.Logger {
	if l != nil && l.req.Logger != nil {
		return l.req.Logger
	}
	return d.logger
}

// cure is the advice in the log for an operator whose honest client was refused.
const cure = "let the client resume the control connection's TLS session on its data connections"

// refuse turns a candidate away and says why, from where, and the cure. The caller holds mu.
func (p *Ports) refuse(c *candidate, why error) {
	d := c.group.door
	args := []any{"port", d.port, "from", c.from.String()}
	l := c.lease
	if l == nil && d.leases == 1 {
		l = d.lone()
	}
	if l != nil {
		args = append(args, "expected", l.req.Client.String(), "session", l.req.Session)
		if l.lost == nil && !errors.Is(why, errOtherSession) {
			l.lost = ErrUnproven
		} else if l.lost == nil {
			l.lost = ErrForeign
		}
	}
	p.turnAway(c)
	ok, dropped := p.logs[0].Allow()
	if !ok {
		return
	}
	if dropped > 0 {
		args = append(args, "unreported", dropped)
	}
	args = append(args, "cure", cure)
	logger := d.loggerFor(l)
	p.later = append(p.later, func() {
		p.log(context.Background(), logger, slog.LevelWarn, "data connection refused: "+why.Error(), args...)
	})
}
