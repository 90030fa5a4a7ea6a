package passive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// Announce takes the place of [Ports.Announce] for this lease. Nil leaves that.
	Announce Announcer
	// Session names the session in the log.
	Session string
	// Prover tells whose connections are that come for this lease. Nil is a session that can prove nothing, such as one
	// with data in clear: it shares a port with nobody of its address, and waits for one if need be.
	Prover Prover
	// Identity is what [Prover.Identify] says of this session's connections. It must not be empty with a Prover, and no
	// two sessions of one may share it.
	Identity string
	// Owner is who the session belongs to, such as a user at an address; empty is nobody. A program with several
	// sessions may use the proof of one for another: a connection that proves to be of another session of the same
	// owner is taken for the lease's if no other is here. Leases of an owner that does so share no port.
	Owner string
	// SharesTickets tells that the owner is known to use the proof of one session for another.
	SharesTickets bool
	// UntestedTickets tells that the owner may do that for all that is known: no connection of this session has proved
	// itself by its own proof while the owner had another session. Such a lease shares a port with others of its owner
	// only when the queue stands still.
	UntestedTickets bool
	// Policy says what the session's connections are expected to prove. Without a Prover it means nothing.
	Policy ProofPolicy
	// waived is the session whose handshake is done, for the policy Waived.
	waived identity
	// HelloTimeout is how long a connection may say nothing once the transfer has been asked for. 0 is 10 seconds.
	HelloTimeout time.Duration
	// Logger hears of strangers and of ports that cannot be opened, if [Ports.Logger] is nil. Nil is silence.
	Logger *slog.Logger
}

// Lease is a port reserved for one data connection of one client. Whoever got it from [Ports.Lease] closes it. Its
// methods may be called concurrently, at any time.
type Lease struct {
	ports *Ports
	door  *door
	req   Request
	key   netip.Addr
	told  uint16        // the port to tell the client; constant once Ports.Lease has returned
	done  chan struct{} // closed when the lease is no longer waiting

	turn chan *candidate // whose handshake Accept is to do

	// Guarded by ports.mu.
	state     state
	group     *group
	number    uint64 // order, compared with that of candidates
	index     int    // in the facts that the rule looks at
	guest     bool   // counted in group.guests
	wantedAt  uint64 // when its transfer was asked for, in the order of number; 0 until then
	armed     time.Time
	accepting int                     // calls of Accept that can do a handshake
	shaking   *candidate              // whose handshake is under way
	cut       context.CancelCauseFunc // ends that
	contested bool                    // others wait for it
	doubted   bool                    // see leaseFacts
	failed    bool                    // see leaseFacts
	retired   bool                    // gave way because nobody used the lease
	over      [5]bool                 // by wait
	timers    [5]*time.Timer          // by wait
	lost      error                   // why a connection that came was of no use
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

// Accept returns the connection of the client, waiting for it if it is not there yet. With a [Prover] it is what
// [Prover.Handshake] made of it. The connection is the caller's from then on and the lease is spent. It returns
//
//   - [ErrExpired] when none came in time,
//   - [ErrGone] when one came, went, stayed silent or failed in its handshake, and no other followed,
//   - [ErrUnproven] and [ErrForeign] when what came did not prove that it is the session's,
//   - [ErrAmbiguous] when several came that prove nothing, or one that may be another lease's,
//   - [ErrRetired] when the lease was not used for seconds, had to give way to others, and nothing came with proof,
//   - [ErrClosed] when the lease or its Ports were closed or the connection was taken before,
//   - the error of the handshake of a connection that needed no proof,
//   - the error of ctx when that ended first; then the lease lives on and Accept may be called again.
//
// Call it when the transfer has been asked for: only then a connection without proof is given to a lease, since before
// that a connection with proof may still come.
func (l *Lease) Accept(ctx context.Context) (net.Conn, error) {
	l.accept(1)
	defer l.accept(-1)
	for {
		// A connection that is there is not lost to a context that has just ended.
		select {
		case <-l.done:
			return l.take(ctx)
		default:
		}
		select {
		case <-l.done:
			return l.take(ctx)
		case c := <-l.turn:
			l.ports.shake(ctx, l, c)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// accept notes that a call of Accept begins or ends. A handshake that was left to the last one is done without it.
func (l *Lease) accept(n int) {
	p := l.ports
	p.mu.Lock()
	defer p.unlock()
	if l.accepting += n; n > 0 {
		l.want()
		return
	}
	if l.accepting > 0 {
		return
	}
	select {
	case c := <-l.turn:
		p.begin(l, c)
	default:
	}
}

// Over reports that the lease has ended without a connection, so that Accept returns an error at once. A server asks
// before it invites the client to connect.
func (l *Lease) Over() bool {
	l.ports.mu.Lock()
	defer l.ports.unlock()
	return l.state == ended
}

// take hands the connection over, or says why there is none.
func (l *Lease) take(ctx context.Context) (net.Conn, error) {
	if l.secured != nil {
		select {
		case <-l.secured:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p := l.ports
	p.mu.Lock()
	if l.state != connected {
		defer p.unlock()
		return nil, l.err
	}
	c := p.drop(l)
	p.unlock()
	if !l.raw || l.req.Identity == "" {
		return c, nil
	}
	secured, _, err := prove(ctx, l.identity(), c)
	return secured, err
}

// TransferStarting says that the transfer has been asked for, as Accept does too. Call it before sending 150: a
// connection that the client opens because of the 150 must be ordered after this call.
func (l *Lease) TransferStarting() {
	l.ports.mu.Lock()
	defer l.ports.unlock()
	l.want()
}

// want notes that the transfer has been asked for. The caller holds mu.
func (l *Lease) want() {
	if l.quiet != nil {
		_ = l.quiet.SetReadDeadline(time.Now().Add(or(l.req.HelloTimeout, defaultHello)))
		return
	}
	if l.state != waiting || l.wantedAt != 0 {
		return
	}
	p := l.ports
	l.wantedAt = p.next()
	for _, c := range l.group.arrived {
		if c.spoke == 0 {
			p.bound(c)
		}
	}
	p.dirty = append(p.dirty, l.group)
}

// DropProof gives up the lease's proof, for a session whose data will be in clear: whatever comes from the address of
// the client is then the connection of the lease. DropProof reports whether dropping is possible: not on a port shared
// with others, nor when connections are there already of which it is not clear whose they are.
func (l *Lease) DropProof() bool {
	p := l.ports
	p.mu.Lock()
	defer p.unlock()
	g := l.group
	l.req.waived = identity{}
	switch {
	case l.req.Identity == "" || l.state == connected:
		return true
	case l.state != waiting || l.shaking != nil || len(g.leases) > 1 || len(g.arrived) > 1:
		return false
	case len(g.arrived) == 1 && (g.arrived[0].shaking || g.arrived[0].full):
		return false
	}
	l.leaveProofs()
	if l.guest {
		l.guest = false
		g.guests--
	}
	l.req.Prover, l.req.Identity, l.req.Policy = nil, "", Unlikely
	g.open = l
	for _, c := range g.arrived {
		// What came is handed over as it is.
		if c.spoke == 0 {
			_ = c.conn.SetReadDeadline(longAgo) // by heard
			continue
		}
		p.release(c)
		p.connect(l, c.conn)
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
		err := ErrExpired
		if l.lost != nil {
			err = l.lost
		}
		l.ports.end(l, err)
	}
}

// add puts a lease into the table, in a place that it was found to fit. The caller holds mu.
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

// arm starts the time of a lease whose port is open. The caller holds mu.
func (p *Ports) arm(l *Lease) {
	l.state = waiting
	l.number, l.armed = p.next(), time.Now()
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
	for w := range l.timers {
		l.stop(wait(w))
	}
	if l.cut != nil {
		p.linger(l.cut)
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
