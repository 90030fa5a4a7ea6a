package passive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
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
	// Session names the session in the log.
	Session string
	// Proof is what [Ports.Whose] says of this session's connections. Empty is a session that can prove nothing, such
	// as one with data in clear: it shares a port with nobody of its address, and waits for one if need be.
	Proof string
	// Owner is who the session belongs to, such as a user at an address; empty is nobody. A program with several
	// sessions may use the proof of one for another, so leases of one owner share a port only when waiting does not
	// help, and never once such a mix-up was seen.
	Owner string
	// Mixes tells that the owner is known to use the proof of one session for another.
	Mixes bool
	// Greet, if not nil, is what comes first on a connection that has proved to be the session's, such as a handshake;
	// Accept returns what it returns. Accept calls it, with its own context; or, when the client speaks before its
	// transfer is asked for, it is called then, with [context.Background] and in the connection's own goroutine: until
	// the lease is closed, which closes the connection. It does not hold up the port.
	Greet func(context.Context, net.Conn) (net.Conn, error)
	// Habit tells whether the session's connections bring that proof.
	Habit Habit
}

// Lease is a port reserved for one data connection of one client. Whoever got it from [Ports.Lease] closes it. Its
// methods may be called concurrently, at any time.
type Lease struct {
	ports *Ports
	door  *door
	req   Request
	key   netip.Addr
	done  chan struct{} // closed when the lease is no longer waiting

	// Guarded by ports.mu.
	state    state
	group    *group
	number   uint64      // order, compared with that of candidates
	guest    bool        // counted in group.guests
	wanted   bool        // Accept was called
	wantedAt uint64      // when, in the order of number
	patience *time.Timer // runs or ran while a connection without proof waited for a better one
	patient  bool        // it ran out
	lost     error       // why a connection that came was of no use
	prove    bool        // the connection must prove itself, see MustProve
	greeting bool        // Greet is at work; done is closed after it
	greet    bool        // Greet is left to Accept
	timer    *time.Timer
	conn     net.Conn
	err      error // why there is no connection, once state is ended
}

type state uint8

const (
	opening   state = iota // in the table, but its port may not be open yet: nobody can have been told of it
	waiting                // in the table
	connected              // out of the table, holding a connection
	ended                  // out of the table, holding nothing
)

// Port returns the port that is listened on.
func (l *Lease) Port() uint16 { return l.door.port }

// AnnouncedPort returns the port to tell the client: [Lease.Port] plus [Ports.Offset]. EPSV needs no more than this.
func (l *Lease) AnnouncedPort() uint16 { return l.door.announced }

// Announced returns the address and port to tell the client. It may look up a DNS name, within ctx, the first time
// one is needed. The error says why there is no address that makes sense to a client; the lease is unharmed by it.
func (l *Lease) Announced(ctx context.Context) (netip.AddrPort, error) {
	addr, err := announce(ctx, l.ports.Announce, l.req.Client, l.req.Dialled)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if err := announceable(addr); err != nil {
		return netip.AddrPort{}, fmt.Errorf("passive: cannot announce %w", err)
	}
	return netip.AddrPortFrom(addr, l.door.announced), nil
}

// Accept returns the connection of the client, waiting for it if it is not there yet. The connection is the caller's
// from then on and the lease is spent. It returns [ErrExpired] when none came in time, [ErrClosed] when the lease or
// its Ports were closed or the connection was taken before, [ErrAmbiguous], [ErrGone] and
// [ErrForeign] when what came was of no use, and the error of ctx when that ended first; in the last case the lease lives on and Accept may be
// called again.
//
// Call it when the transfer has been asked for: a connection without proof is given to a lease only then, since until
// then one with proof may still come.
func (l *Lease) Accept(ctx context.Context) (net.Conn, error) {
	l.Want()
	// A connection that is there is not lost to a context that has just ended.
	select {
	case <-l.done:
	default:
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	l.ports.mu.Lock()
	if l.state != connected {
		defer l.ports.unlock()
		return nil, l.err
	}
	c := l.ports.drop(l)
	l.ports.unlock()
	if l.greet {
		return l.req.Greet(ctx, c)
	}
	return c, nil
}

// Want says that the transfer has been asked for, which Accept says too. Call it before the client hears of that, as
// by 150: what it does only then would otherwise seem to come before.
func (l *Lease) Want() {
	p := l.ports
	p.mu.Lock()
	defer p.unlock()
	if l.state == waiting && !l.wanted {
		l.wanted = true
		p.numbers++
		l.wantedAt = p.numbers
		for _, c := range l.group.arrived {
			if c.spoke == 0 {
				p.bound(c)
			}
		}
		p.dirty = append(p.dirty, l.group)
	}
}

// Over reports that the lease has ended without a connection, so that Accept returns an error at once. A server asks
// before it invites the client to connect.
func (l *Lease) Over() bool {
	l.ports.mu.Lock()
	defer l.ports.unlock()
	return l.state == ended
}

// MustProve reports, after Accept, that the connection is of use only if it proves to be this session's after all,
// because it may be that of another session which shares the port.
func (l *Lease) MustProve() bool {
	l.ports.mu.Lock()
	defer l.ports.unlock()
	return l.prove
}

// Waive gives up the lease's proof, for a session whose data will be in clear: whatever comes from the client's
// address is its connection. It reports whether that is possible, which it is not on a port shared with others.
func (l *Lease) Waive() bool {
	p := l.ports
	p.mu.Lock()
	defer p.unlock()
	g := l.group
	switch {
	case l.req.Proof == "" || l.state == connected:
		return true
	case l.state != waiting || g.open != l || len(g.leases) > 1 || len(g.arrived) > 1:
		return false
	}
	delete(g.door.proofs, l.req.Proof)
	l.req.Proof, l.req.Habit = "", Never
	for _, c := range g.arrived {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // what came is handed over as it is
	}
	return true
}

// Close ends the lease and frees its port. A connection that came and was not taken is closed. Closing again, or after
// the lease ended in another way, does nothing.
func (l *Lease) Close() error {
	var c net.Conn
	l.ports.mu.Lock()
	switch l.state {
	case opening, waiting:
		l.ports.end(l, ErrClosed)
	case connected:
		c = l.ports.drop(l)
	}
	l.ports.unlock()
	if c == nil {
		return nil
	}
	return c.Close()
}

// expire is called by the lease's timer.
func (l *Lease) expire() {
	l.ports.mu.Lock()
	defer l.ports.unlock()
	if l.state == waiting {
		l.ports.stats.Expired++
		l.ports.end(l, ErrExpired)
	}
}

// add puts a lease into the table, with the right to be claimed without proof or not. The caller holds mu.
func (p *Ports) add(d *door, r Request, open bool) *Lease {
	l := &Lease{ports: p, door: d, req: r, key: p.key(r.Client), done: make(chan struct{})}
	d.enter(l, open)
	if d.idle != nil {
		d.idle.Stop()
	}
	p.stats.Leases++
	return l
}

// arm starts the time of a lease whose port is open. The caller holds mu.
func (p *Ports) arm(l *Lease) {
	l.state = waiting
	p.numbers++
	l.number = p.numbers
	l.timer = time.AfterFunc(p.ttl(), l.expire)
	p.stats.Leased++
}

// end takes a lease out of the table that got no connection. The caller holds mu and knows that it is in there.
func (p *Ports) end(l *Lease, err error) {
	if l.state == waiting {
		p.recent.add(peerSlot{l.door.at, l.key}, time.Now())
	}
	l.state, l.err = ended, err
	p.leave(l)
}

// leave is the way out of the table, with a connection or without. The caller holds mu and has set the state.
func (p *Ports) leave(l *Lease) {
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.patience != nil {
		l.patience.Stop()
	}
	if !l.greeting {
		close(l.done)
	}
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

// announce asks a, where nil stands for the address dialled.
func announce(ctx context.Context, a Announcer, client, local netip.Addr) (netip.Addr, error) {
	if a != nil {
		addr, err := a.Announce(ctx, client, local)
		return addr.Unmap(), err
	}
	if !local.IsValid() || local.IsUnspecified() {
		return netip.Addr{}, errors.New("passive: the address the client dialled is unknown, so it cannot be announced")
	}
	// A zone means nothing to the other side.
	return local.WithZone(""), nil
}
