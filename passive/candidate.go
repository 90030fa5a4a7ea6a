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

// Bounds on the connections whose owner is not known yet.
const (
	// spare is by how many the connections of one network that wait at a door may outnumber its leases before further
	// ones have to speak within hurry.
	spare = 16
	// maxHeld is by how many such connections may outnumber the leases at all. None is ever closed in favour of
	// another: a silent one may be the client's.
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
	hurried bool   // it has to speak within hurry
	roaming bool   // it comes from another address than the lease's, or than any lease's here
	counted bool   // in door.roaming
	claim   claim
	lease   *Lease // the lease that the connection claims, or that a handshake was done for
	sibling bool   // it shows the proof of another session of the owner of lease
	hearing bool   // hear settles, and will do a handshake that begins now
	mine    *Lease // the lease for which hear is to do the handshake
	shaking bool
	cut     context.CancelCauseFunc // ends the handshake; nil while nobody does one
	limited bool                    // its turn has a limit since others wait; the turn may be over
	handed  bool                    // its handshake was left to Accept
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
	hungUp      loss = iota // it ended without a word, so its client waits for nothing
	fellSilent              // it said nothing for too long
	failedShake             // its handshake failed
)

// lose notes the loss of a connection that may be the only one that the client of the open lease makes. After a failed
// handshake the client has proofWait from the transfer command on to connect again. After too long a silence once the
// transfer was asked for, the lease ends unless another connection waits. After any other loss the lease waits on. The
// caller holds mu.
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

// loginWait bounds how long a claim to a session waits for somebody to log in to it; with pauses that double it waits
// 1.27 seconds.
const loginWait = 2 * time.Second

// awaitOwner returns the owner of a session that a connection claims to be for. A client program that keeps the tickets
// of its sessions in one place may show, for a transfer of one session, the ticket of another session that is about to
// log in; awaitOwner waits for that login.
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
		// The lease has dropped its proof since the connection came: see DropProof.
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
		p.refuse(c, errEarly) // the rule does not judge an exclusive group
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

// sibling returns a lease on the door of another session of an owner, for a connection with the ticket of a session
// that has no lease there itself. It returns nil if the client of that session was told of the port lately and the
// owner is not known to offer the ticket of one session for another: then the connection is a late one of that very
// session. The caller holds mu.
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

// mixed reports whether several sessions of the lease's owner wait on its port and the owner is known to offer the
// ticket of one session for another. A ticket does not tell then which of the sessions is meant. The caller holds mu.
func (p *Ports) mixed(l *Lease) bool {
	return l.group.owners[l.req.owner()] > 1 && p.mixers.has(l.req.owner())
}

// move puts a connection into another group: the group of the lease that the connection claims. The caller holds mu.
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

// turnAway refuses a candidate. The connection is closed when mu is released, or by whoever does its handshake. The
// caller holds mu.
func (p *Ports) turnAway(c *candidate) {
	p.release(c)
	p.stats.Strangers++
	if !c.shaking {
		p.refused = append(p.refused, c.conn)
	}
}

// disperse turns away all candidates of a door that is dead, or that has no lease left which can be claimed. The caller
// holds mu.
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

// near reports whether a connection comes from the lease's client, or from the client's network. Only what comes from
// there says anything about the client: from elsewhere everybody could have an honest client told that its data
// connections proved nothing.
func (l *Lease) near(c *candidate) bool {
	return !c.roaming || network(c.from) == network(l.req.Client)
}

// noteLost notes why a connection was refused, for the end of a lease that no other connection comes for. The caller
// holds mu.
func (l *Lease) noteLost(c *candidate, why error) {
	switch {
	case l.lost != nil || !l.near(c):
	case errors.Is(why, errOtherSession):
		l.lost = ErrForeign
	default:
		l.lost = ErrUnproven
	}
}

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
		l.noteLost(c, why)
	} else {
		for _, l := range c.group.leases { // any of them may have been meant
			if l.req.Policy == Required && c.number > l.number {
				l.noteLost(c, why)
			}
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
