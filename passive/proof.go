package passive

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// Habit is what is known of a session's data connections.
type Habit uint8

const (
	// Unknown is a session whose first data connection is yet to come.
	Unknown Habit = iota
	// Proves is a session whose data connections have proved themselves. It shares a port rather than wait for one.
	Proves
	// Never is a session whose data connections come without proof. It shares a port only with sessions that prove
	// themselves.
	Never
	// Must is a session whose data connections count only with proof. It shares any port with everybody.
	Must
)

var (
	// ErrAmbiguous is returned by [Lease.Accept] when several connections came, none of which proves anything: at most
	// one of them is the client's, so none gets the data.
	ErrAmbiguous = errors.New("passive: several connections from the client's address, and none proves whose it is")
	// ErrGone is returned by [Lease.Accept] when a connection came, went or stayed silent, and no other followed.
	ErrGone = errors.New("passive: the data connection came and went without a word")
	// ErrForeign is returned by [Lease.Accept] when only a connection came that proves to be another session's.
	ErrForeign = errors.New("passive: the data connection proves to be another session's")
)

// Bounds of what connections without proof may hold.
const (
	// spare is how many connections more than leases one address may have waiting at a door.
	spare = 16
	// maxRoaming is how many may wait at a door from addresses without a lease there.
	maxRoaming = 64
	// patience is how long the only connection without proof waits while another may still prove itself: one that has
	// said nothing yet, or one that the client has still to make.
	patience = time.Second
	// defaultSilence is how long a connection may say nothing once its transfer has been asked for.
	defaultSilence = 10 * time.Second
)

// candidate is a connection that came to a door and waits to be given to a lease. Guarded by Ports.mu.
type candidate struct {
	group   *group
	conn    net.Conn
	from    netip.Addr
	number  uint64 // order of arrival, compared with that of leases
	spoke   uint64 // when it became known what it proves, in the order of number; 0 until then, and it is nothing
	roaming bool   // its address has no lease here
	gone    bool   // given to a lease, or refused
}

// hold keeps a connection until it is known whose it is, or returns nil when that can't help or there is no room. The
// caller holds mu.
func (p *Ports) hold(d *door, c net.Conn, from netip.Addr) *candidate {
	if len(d.proofs) == 0 || d.dead {
		return nil
	}
	key := p.key(from)
	g := d.groups[key]
	roaming := g == nil || len(g.leases) == 0
	switch {
	case roaming && (p.StrictPeer || d.roaming >= maxRoaming):
		return nil
	case roaming:
		g = d.group(key)
		d.roaming++
	case len(g.arrived) >= len(g.leases)+spare:
		// The oldest goes: an honest one has just come and does not stay.
		p.turnAway(g.arrived[0])
	}
	p.numbers++
	cand := &candidate{group: g, conn: c, from: from, number: p.numbers, roaming: roaming}
	g.arrived = append(g.arrived, cand)
	p.stats.Unproven++
	p.bound(cand)
	return cand
}

// release takes a candidate from those waiting. The caller holds mu.
func (p *Ports) release(c *candidate) {
	c.gone = true
	g := c.group
	i := slices.Index(g.arrived, c)
	g.arrived = slices.Delete(g.arrived, i, i+1)
	p.stats.Unproven--
	if c.roaming {
		g.door.roaming--
	}
	g.door.trim(g)
}

// turnAway refuses a candidate; it is closed when mu is released. The caller holds mu.
func (p *Ports) turnAway(c *candidate) {
	p.release(c)
	p.stats.Strangers++
	p.refused = append(p.refused, c.conn)
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

// inspect finds out what a connection proves. It runs in the connection's own goroutine and ends when the client
// speaks or the connection is closed.
func (p *Ports) inspect(c *candidate) {
	proof, replay, err := p.Whose(c.conn)
	p.mu.Lock()
	defer p.unlock()
	if c.gone {
		return
	}
	g := c.group
	p.dirty = append(p.dirty, g)
	_ = c.conn.SetReadDeadline(time.Time{})
	c.conn = replay
	l, nobody := p.proven(g, proof)
	switch {
	case g.exclusive() && g.open.state == waiting:
		// The lease has waived proof in the meantime.
		p.release(c)
		p.connect(g.open, replay)
	case err != nil:
		p.turnAway(c)
		g.lose(ErrGone, errors.Is(err, os.ErrDeadlineExceeded))
	case nobody:
		p.numbers++
		c.spoke = p.numbers
	case l == nil:
		p.refuse(c, "it proves to be of a session without a lease on this port")
		g.lose(ErrForeign, false)
	default:
		p.release(c)
		p.greet(l, replay)
	}
}

// greet gives a lease the connection that proved to be its, after the client's greeting if nobody waits to do that. The
// caller holds mu, which is released meanwhile.
func (p *Ports) greet(l *Lease, c net.Conn) {
	if l.req.Greet == nil || l.wanted {
		l.greet = l.req.Greet != nil
		p.connect(l, c)
		return
	}
	l.greeting = true
	p.connect(l, c)
	p.unlock()
	greeted, err := l.req.Greet(context.Background(), c)
	p.mu.Lock()
	l.greeting = false
	switch {
	case l.state != connected: // closed in the meantime
		if err == nil {
			p.refused = append(p.refused, greeted)
		}
	case err != nil:
		p.drop(l)
		l.err = err
	default:
		l.conn = greeted
	}
	close(l.done)
}

// proven is the lease that a connection proves to be for, nil for none: that of the session, or else the one of another
// session of the same owner. nobody tells that the proof is worth nothing. The caller holds mu.
func (p *Ports) proven(g *group, proof string) (l *Lease, nobody bool) {
	if proof == "" {
		return nil, true
	}
	l = g.door.proofs[proof]
	if l == nil && p.Owner != nil {
		owner := p.Owner(proof)
		if owner == "" {
			return nil, true
		}
		if l = g.of(owner); g.owners[owner] > 0 {
			p.mixes(owner)
		}
	}
	if l != nil && (l.state != waiting || p.doubtful(g, l.req.Owner)) {
		l = nil
	}
	return l, false
}

// doubtful reports whether several sessions of an owner wait who mixes their proofs up: then none counts. The caller
// holds mu.
func (p *Ports) doubtful(g *group, owner string) bool {
	_, mixer := p.mixers[owner]
	return mixer && g.owners[owner] > 1
}

// maxMixers bounds the memory of mix-ups. A forgotten one is noticed again.
const maxMixers = 4096

// mixes notes that an owner used the proof of one session for another. The caller holds mu.
func (p *Ports) mixes(owner string) {
	if p.mixers == nil || len(p.mixers) >= maxMixers {
		p.mixers = make(map[string]struct{})
	}
	p.mixers[owner] = struct{}{}
}

// lose notes that a connection was of no use, and whether that took so long that no better one will come. When the
// group is one lease, it was either a stray or all that this client will send. The caller holds mu.
func (g *group) lose(why error, late bool) {
	if len(g.leases) == 1 {
		l := g.leases[0]
		l.lost = why
		l.patient = l.patient || late
	}
}

// bound bounds the silence of a connection: until the transfer is asked for, many clients have nothing to say. The
// caller holds mu.
func (p *Ports) bound(c *candidate) {
	limit := p.ttl()
	for _, l := range c.group.leases {
		if l.wanted {
			limit = min(limit, or(p.Silence, defaultSilence))
			break
		}
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(limit))
}

// claimable is the lease that a connection without proof may belong to, nil for none or one of several. early tells
// that it is about those that came before any guest was there, see opens. The caller holds mu.
func (g *group) claimable(opens func(*candidate) bool) (l *Lease, early, several bool) {
	if g.open != nil && (g.guests == 0 || g.open.wanted && slices.ContainsFunc(g.arrived, opens)) {
		return g.open, g.guests > 0, false
	}
	for _, other := range g.leases {
		switch {
		case !other.wanted || other.state != waiting:
		case l != nil:
			return nil, false, true
		default:
			l = other
		}
	}
	return l, false, false
}

// opens returns a function that tells whether a connection can only be the open lease's if it proves nothing: it came
// when no guest was told of the port yet. The caller holds mu.
func (g *group) opens() func(*candidate) bool {
	guests := uint64(math.MaxUint64)
	if g.guests > 0 {
		for _, l := range g.leases {
			if l.guest && l.state == waiting {
				guests = min(guests, l.number)
			}
		}
	}
	return func(c *candidate) bool {
		return g.open != nil && g.open.state == waiting && g.open.number < c.number && c.number < guests && !c.roaming
	}
}

// expects reports whether a better connection than one without proof can be expected to follow: of a client that always
// proved itself, and of one unknown so far when this one spoke before the transfer was asked for. Clients that prove
// nothing wait for the reply to that first (lftp, Python, Java), and a thief does not know when it comes.
func (l *Lease) expects(c *candidate) bool {
	return l.req.Habit == Proves || l.req.Habit == Unknown && c.spoke < l.wantedAt
}

// decide gives away or refuses the connections of a group that spoke and proved nothing. The caller holds mu.
func (p *Ports) decide(g *group) {
	opens := g.opens()
	l, early, several := g.claimable(opens)
	var able []*candidate
	silent := 0
	for _, c := range slices.Clone(g.arrived) {
		switch {
		case !c.roaming && g.guests > 0 && opens(c) != early:
			// It is, or may be, another lease's, whose turn comes.
		case c.spoke == 0:
			silent++
		case c.roaming:
			p.refuse(c, "it comes from another address than the control connection and proves nothing")
		case several || len(g.leases) == 0:
			p.refuse(c, "it proves nothing, and several sessions wait for theirs on this port")
		case l != nil && c.number < l.number:
			// It was there before the lease was, so it can't have been made for it.
			p.refuse(c, "it proves nothing, and no lease was there for it")
		default:
			able = append(able, c)
		}
	}
	if l == nil || !l.wanted || l.state != waiting {
		return // until the transfer is asked for, a better one may come
	}
	// Once a thief has shown itself, proof is wanted where it would otherwise be done without.
	sole := l == g.open && (g.guests == 0 || early) && l.lost != ErrForeign
	switch {
	case len(able) > 1:
		for _, c := range able {
			p.refuse(c, "another one from the same address proves nothing either")
		}
		if sole {
			p.end(l, ErrAmbiguous)
		}
	case len(able) == 1 && (l.patient || sole && silent == 0 && !l.expects(able[0])):
		p.release(able[0])
		l.prove = !sole
		p.connect(l, able[0].conn)
	case len(able) == 0 && (silent > 0 || l.lost == nil):
	case len(able) == 0 && l.patient:
		p.end(l, l.lost)
	case l.patience == nil:
		l.patience = time.AfterFunc(patience, func() {
			p.mu.Lock()
			defer p.unlock()
			l.patient = true
			p.dirty = append(p.dirty, g)
		})
	}
}

// cure is for the operator who finds a refused connection of an honest client in the log.
const cure = "let the client resume the control connection's TLS session on its data connections"

// refuse turns a candidate away and says why, from where, and the cure. The caller holds mu.
func (p *Ports) refuse(c *candidate, why string) {
	d := c.group.door
	args := []any{"port", d.port, "from", c.from.String()}
	if d.leases == 1 {
		l := d.lone()
		args = append(args, "expected", l.req.Client.String(), "session", l.req.Session)
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
	p.later = append(p.later, func() {
		p.log(context.Background(), slog.LevelWarn, "data connection refused: "+why, args...)
	})
}

// unlock settles what has come up, releases mu, and then does what must not be done under it.
func (p *Ports) unlock() {
	for len(p.dirty) > 0 {
		g := p.dirty[0]
		p.dirty = p.dirty[1:]
		p.decide(g)
	}
	refused, later := p.refused, p.later
	p.dirty, p.refused, p.later = nil, nil, nil
	p.mu.Unlock()
	for _, c := range refused {
		reset(c)
	}
	for _, f := range later {
		f()
	}
}
