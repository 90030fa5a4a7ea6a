package passive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Lease is a port reserved for one data connection of one client. Whoever got it from [Ports.Lease] closes it. Its
// methods may be called concurrently, at any time.
type Lease struct {
	ports *Ports
	far   TableLease // the lease of another table that this one stands for; nil for a lease of this table
	door  *door
	req   Request
	key   netip.Addr
	told  uint16        // the port to tell the client; constant once Ports.Lease has returned
	done  chan struct{} // closed when the lease is no longer waiting

	turn chan *candidate // the candidate whose handshake Accept is to do

	// Guarded by ports.mu.
	state     state
	group     *group
	number    uint64 // when it began to wait, in the order of candidates' numbers
	index     int    // its place in facts.leases
	guest     bool   // counted in group.guests
	wantedAt  uint64 // when its transfer was asked for, in the order of number; 0 until then
	armed     time.Time
	accepting int            // calls of Accept that can do a handshake
	busy      int            // calls among accepting that do a handshake
	shaking   *candidate     // the candidate whose handshake has its turn
	doubted   bool           // see leaseFacts
	failed    bool           // see leaseFacts
	retired   bool           // it gave way to others because its transfer was not asked for
	unsure    bool           // another lease of the address ended here unconnected since armed, or just before
	over      [5]bool        // whether a wait of the rule is over, by wait
	timers    [5]*time.Timer // of the waits that run, by wait
	lost      error          // why a connection that came was of no use
	timer     *time.Timer
	conn      net.Conn
	raw       bool          // conn lacks its handshake, which Accept does
	quiet     net.Conn      // conn while its client has said nothing, for the policy Waived
	secured   chan struct{} // closed when the handshake of conn is over that was begun when it came; nil without one
	err       error         // why there is no connection, once state is ended
}

func (l *Lease) identity() identity { return identity{l.req.Prover, l.req.Identity} }

type state uint8

const (
	opening   state = iota // in the table; the port may not be open yet, so nobody can have been told of the lease
	waiting                // in the table
	connected              // out of the table, holding a connection
	ended                  // out of the table, holding nothing
)

// Port returns the port that is listened on.
func (l *Lease) Port() uint16 { return l.door.port }

// AnnouncedPort returns the port to tell the client: [Lease.Port] plus [Ports.Offset] and what a [PortMapper] adds for
// the client. EPSV needs no more than this.
func (l *Lease) AnnouncedPort() uint16 { return l.told }

// Announced returns the address and port to tell the client. It may look up a DNS name, within ctx, the first time
// one is needed. The error says why there is no address that makes sense to a client; the lease is unharmed by it.
func (l *Lease) Announced(ctx context.Context) (netip.AddrPort, error) {
	addr, err := announce(ctx, l.announcer(), l.req.Client, l.req.Dialled)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if err := announceable(addr); err != nil {
		return netip.AddrPort{}, fmt.Errorf("passive: cannot announce %w", err)
	}
	return netip.AddrPortFrom(addr, l.told), nil
}

// announcer decides what the client of the lease is told.
func (l *Lease) announcer() Announcer {
	if l.req.Announce != nil {
		return l.req.Announce
	}
	return l.ports.Announce
}

// mapPort finds the number by which the client reaches the port. If there is no such number, or the embedder's Offset
// panics, mapPort ends the lease.
func (l *Lease) mapPort() error {
	defer func() {
		if l.told == 0 {
			l.Close()
		}
	}()
	n := offset(l.announcer(), l.req.Client)
	told := int(l.door.announced) + n
	if told < 1 || told > 65535 {
		return fmt.Errorf("passive: with offset %d port %d would be announced as %d, which is no port", n, l.door.announced, told)
	}
	l.told = uint16(told)
	return nil
}

// announce returns what a tells the client. A nil announcer tells the address that the client dialled.
func announce(ctx context.Context, a Announcer, client, local netip.Addr) (netip.Addr, error) {
	if a != nil {
		addr, err := a.Announce(ctx, client, local)
		return addr.Unmap(), err
	}
	if !local.IsValid() || local.IsUnspecified() {
		return netip.Addr{}, errors.New("passive: the address the client dialled is unknown, so it cannot be announced")
	}
	// An IPv6 zone means nothing on the client's host.
	return local.WithZone(""), nil
}

// Close ends the lease and frees its port. A connection that came and was not taken is closed. Closing again, or after
// the lease ended in another way, does nothing.
func (l *Lease) Close() error {
	if l.far != nil {
		return l.far.Close()
	}
	var c net.Conn
	l.ports.mu.Lock()
	l.closeUnconnected()
	if l.state == connected {
		c = l.ports.drop(l)
	}
	l.ports.unlock()
	if c == nil {
		return nil
	}
	return quietly(c)
}

// CloseUnused does what Close does, unless the lease has its connection, or a connection from the client's address has
// spoken and may still turn out to be the lease's. Call it when the client may have gone away: a connection that the
// client made before that is still served. If a connection has come and said nothing yet, CloseUnused gives it a fifth
// of a second to speak.
func (l *Lease) CloseUnused() {
	if l.far != nil {
		l.far.CloseUnused()
		return
	}
	l.ports.mu.Lock()
	defer l.ports.unlock()
	switch {
	case l.hasVisitor(false):
	case l.hasVisitor(true):
		time.AfterFunc(lateFor, l.closeUnspoken)
	default:
		l.closeUnconnected()
	}
}

// closeUnspoken ends the lease for CloseUnused if no connection has spoken by now.
func (l *Lease) closeUnspoken() {
	l.ports.mu.Lock()
	defer l.ports.unlock()
	if !l.hasVisitor(false) {
		l.closeUnconnected()
	}
}

// closeUnconnected ends the lease unless it has a connection. The caller holds mu.
func (l *Lease) closeUnconnected() {
	if l.state == opening || l.state == waiting {
		l.ports.end(l, ErrClosed)
	}
}

// hasVisitor reports whether a connection waits that may be the lease's and has spoken; with silent, a connection that
// has said nothing counts too. The caller holds mu.
func (l *Lease) hasVisitor(silent bool) bool {
	return slices.ContainsFunc(l.group.arrived, func(c *candidate) bool {
		if l.state != waiting || c.number < l.number || c.spoke == 0 && !silent {
			return false
		}
		// What has spoken and claims nothing is not the lease's if the lease demands proof.
		return c.lease == l || c.lease == nil && !c.roaming && (c.spoke == 0 || !l.req.Policy.demands())
	})
}

// expire ends the lease when its timer says so.
func (l *Lease) expire() {
	l.ports.mu.Lock()
	defer l.ports.unlock()
	if l.state == waiting {
		l.ports.stats.Expired++
		err := ErrExpired
		if l.lost != nil {
			err = l.lost
		}
		l.ports.end(l, err)
	}
}

// add makes a lease for a request and puts the lease into the table. [group.fits] says which place it may have. The
// caller holds mu.
func (p *Ports) add(d *door, key netip.Addr, r Request, at place) *Lease {
	l := &Lease{ports: p, door: d, req: r, key: key, done: make(chan struct{})}
	if r.Identity != "" {
		l.turn = make(chan *candidate, 1)
	}
	if r.Logger != nil {
		d.logger = r.Logger
	}
	d.enter(l, at)
	if d.idle != nil {
		d.idle.Stop()
	}
	p.stats.Leases++
	return l
}

// arm makes a lease whose port is open wait for its connection, and starts its TTL. The caller holds mu.
func (p *Ports) arm(l *Lease) {
	l.state = waiting
	l.number, l.armed = p.next(), time.Now()
	l.unsure = time.Since(p.recent.since(peerSlot{l.door.at, l.key})) < lateFor
	l.timer = time.AfterFunc(p.ttl(), l.expire)
	p.stats.Leased++
}

// end takes a lease that got no connection out of the table; err says why. The caller holds mu and knows that the lease
// is in the table.
func (p *Ports) end(l *Lease, err error) {
	if l.state == waiting {
		p.recent.add(peerSlot{l.door.at, l.key}, time.Now())
		if l.req.Identity != "" {
			p.recentSessions.add(sessionSlot{l.door.at, l.identity()}, time.Now())
		}
		for _, other := range l.group.leases {
			other.unsure = true
		}
	}
	l.state, l.err = ended, err
	p.leave(l)
}

// leave takes the lease out of the table, with a connection or without. The caller holds mu and has set the state.
func (p *Ports) leave(l *Lease) {
	if l.timer != nil {
		l.timer.Stop()
	}
	for w := range l.timers {
		l.stop(wait(w))
	}
	for _, c := range l.group.arrived {
		if c.lease == l && c.cut != nil {
			p.part(l, c.cut)
		}
	}
	close(l.done)
	l.door.exit(l)
	p.stats.Leases--
	p.dirty = append(p.dirty, l.group)
	if len(l.door.proofs) == 0 {
		p.disperse(l.door)
	}
	l.door.trim(l.group)
	p.freed(l.door, peer{l.key, l.door.at.local})
}

// drop ends a connected lease and returns its connection. The caller holds mu.
func (p *Ports) drop(l *Lease) net.Conn {
	c := l.conn
	l.state, l.conn, l.err = ended, nil, ErrClosed
	delete(p.arrived, l)
	return c
}

// group holds the unconnected leases of one client address on one door, and the connections from that address whose
// owner is not known yet. Guarded by Ports.mu.
type group struct {
	door   *door
	key    netip.Addr
	leases []*Lease
	// open is the one lease that may be claimed without proof, nil for none. An open lease that can prove nothing is
	// alone in the group.
	open *Lease
	// guests counts the leases that share the port only because waiting did not help. Nobody knows whether the clients
	// of such leases will prove themselves: as long as there is a guest, a connection without proof may be anybody's.
	guests  int
	owners  map[owner]int // leases that can prove themselves, by owner
	arrived []*candidate
}

// exclusive reports whether the group's only lease can prove nothing: then whatever comes from the address belongs to
// the lease.
func (g *group) exclusive() bool { return g != nil && g.open != nil && g.open.req.Identity == "" }

// enter puts a lease into its group, in a place as [group.fits] returns it. The caller holds mu.
func (d *door) enter(l *Lease, at place) {
	g := d.group(l.key)
	g.leases = append(g.leases, l)
	l.group = g
	d.leases++
	d.crowds.add(l.key, 1, 0)
	switch {
	case l.req.Policy.demands():
	case at == freePlace:
		g.open = l
	default:
		l.guest = true
		g.guests++
	}
	if l.req.Identity != "" {
		d.proofs[l.identity()] = l
		d.provers.enter(l.req.Prover)
		g.own(l)
	}
}

// own counts a lease for its owner. The caller holds mu.
func (g *group) own(l *Lease) {
	if l.req.Owner == "" {
		return
	}
	if g.owners == nil {
		g.owners = make(map[owner]int)
	}
	g.owners[l.req.owner()]++
}

// disown takes back what own has counted. The caller holds mu.
func (g *group) disown(l *Lease) {
	if l.req.Owner == "" {
		return
	}
	one := l.req.owner()
	if g.owners[one]--; g.owners[one] <= 0 {
		delete(g.owners, one)
	}
}

// of returns a lease of an owner in the group, nil if there is none. The caller holds mu.
func (g *group) of(one owner) *Lease {
	if g.owners[one] == 0 {
		return nil
	}
	for _, l := range g.leases {
		if l.req.owner() == one {
			return l
		}
	}
	return nil
}

// exit takes a lease out of its group. The caller holds mu.
func (d *door) exit(l *Lease) {
	g := l.group
	if i := slices.Index(g.leases, l); i >= 0 {
		g.leases = slices.Delete(g.leases, i, i+1)
	}
	d.leases--
	d.crowds.add(l.key, -1, 0)
	if g.open == l {
		g.open = nil
	}
	if l.guest {
		g.guests--
	}
	l.leaveProofs()
}

// group returns the door's group for an address, and makes it if need be. The caller holds mu.
func (d *door) group(key netip.Addr) *group {
	g := d.groups[key]
	if g == nil {
		g = &group{door: d, key: key}
		d.groups[key] = g
	}
	return g
}

// trim forgets a group that is empty. The caller holds mu.
func (d *door) trim(g *group) {
	if len(g.leases) == 0 && len(g.arrived) == 0 && d.groups[g.key] == g {
		delete(d.groups, g.key)
	}
}

// lone returns the lease of a door that has exactly one. The caller holds mu.
func (d *door) lone() *Lease {
	for _, g := range d.groups {
		for _, l := range g.leases {
			return l
		}
	}
	return nil
}

// leaveProofs ends the lease's right to be claimed: from then on a claim to its session is nobody's on the door. The
// caller holds mu.
func (l *Lease) leaveProofs() {
	if l.req.Identity == "" {
		return
	}
	if l.door.proofs[l.identity()] == l {
		delete(l.door.proofs, l.identity())
	}
	l.door.provers.exit(l.req.Prover)
	l.group.disown(l)
}
