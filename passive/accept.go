package passive

import (
	"context"
	"net"
	"time"
)

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
	if l.far != nil {
		return l.far.Accept(ctx)
	}
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

// accept notes that a call of Accept begins (n is 1) or ends (-1). When the last call ends, a handshake that was left
// to Accept and has not begun is done in a goroutine of its own.
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
		c.unhand(l)
		p.begun(l, c)
	default:
	}
}

// Over reports that the lease has ended without a connection, so that Accept returns an error at once. A server asks
// before it invites the client to connect.
func (l *Lease) Over() bool {
	if l.far != nil {
		return l.far.Over()
	}
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
	if l.far != nil {
		l.far.TransferStarting()
		return
	}
	l.ports.mu.Lock()
	defer l.ports.unlock()
	l.want()
}

// want notes that the transfer has been asked for. A connection that comes from now on may be an answer to 150. The
// caller holds mu.
func (l *Lease) want() {
	p := l.ports
	if l.quiet != nil {
		p.deadline(l.quiet, time.Now().Add(or(l.req.HelloTimeout, defaultHello)))
		return
	}
	if l.state != waiting || l.wantedAt != 0 {
		return
	}
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
// with others, nor when connections are there already, or may still come, of which it is not clear whose they are.
func (l *Lease) DropProof() bool {
	if l.far != nil {
		return l.far.DropProof()
	}
	p := l.ports
	p.mu.Lock()
	defer p.unlock()
	g := l.group
	l.req.waived = identity{}
	switch {
	case l.req.Identity == "" || l.state == connected:
		return true
	case l.state != waiting || l.shaking != nil || l.unsure || len(g.leases) > 1 || len(g.arrived) > 1:
		return false
	case len(g.arrived) == 1 && (g.arrived[0].shaking || g.arrived[0].full || g.arrived[0].number < l.number):
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
		// The only connection that came is handed over without a handshake.
		if c.spoke == 0 {
			p.deadline(c.conn, longAgo) // ends hear; heard then connects the lease
			continue
		}
		p.release(c)
		p.connect(l, c.conn)
	}
	return true
}
