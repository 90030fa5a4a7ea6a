package passive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// turn is how long a handshake may go on until the next one on behalf of the same lease begins beside it. The first
	// handshake goes on as well: waiting for a slow client takes no processor.
	turn = 100 * time.Millisecond
	// lingering is how long the handshake of a lease that has ended may go on. A client that finishes the handshake in
	// that time can use the ticket that it gets.
	lingering = time.Second
)

var errOutrun = errors.New("passive: another one has proved that it is the session's")

// begin has the handshake of a connection done on behalf of a lease: by a call of Accept that waits and does no other
// handshake, since its goroutine has the stack for one already, or else by begun. The caller holds mu.
func (p *Ports) begin(l *Lease, c *candidate) {
	c.lease, c.shaking, l.shaking = l, true, c
	if l.accepting > l.busy {
		select {
		case l.turn <- c:
			c.handed = true
			l.busy++
			return
		default:
		}
	}
	p.begun(l, c)
}

// begun has a handshake done in a goroutine of the connection: in that of hear if hear is about to end, otherwise in a
// new one. The caller holds mu.
func (p *Ports) begun(l *Lease, c *candidate) {
	life := p.life()
	if c.hearing {
		c.mine = l
		return
	}
	p.running.Go(func() { p.shake(life, l, c) })
}

// unhand notes that Accept does not do the handshake of a connection any more. The caller holds mu.
func (c *candidate) unhand(l *Lease) {
	if c.handed {
		c.handed = false
		l.busy--
	}
}

// shake does the handshake of a connection on behalf of a lease.
func (p *Ports) shake(ctx context.Context, l *Lease, c *candidate) {
	limited, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	p.mu.Lock()
	c.cut = cut
	if l.state != waiting {
		p.part(l, cut)
	}
	p.unlock()
	var secured net.Conn
	var proven bool
	err := errExited
	defer func() { p.shaken(ctx, l, c, secured, proven, err) }()
	secured, proven, err = prove(limited, l.identity(), c.conn)
}

// errExited is why a handshake has failed in which the embedder's code has ended the goroutine (runtime.Goexit), as the
// assertions of a test do.
var errExited = errors.New("passive: the goroutine of the handshake was ended by a callback of TLS")

// shaken notes how a handshake on behalf of a lease has ended.
func (p *Ports) shaken(ctx context.Context, l *Lease, c *candidate, secured net.Conn, proven bool, err error) {
	if err == errExited {
		quietly(c.conn)
	}
	p.mu.Lock()
	defer p.unlock()
	c.shaking, c.cut = false, nil
	c.unhand(l)
	if l.shaking == c {
		l.shaking = nil
	}
	p.dirty = append(p.dirty, l.group)
	if c.gone || l.state != waiting {
		p.leftOver(c, secured)
		return
	}
	p.settled(l, c, secured, proven, err, ctx.Err() != nil)
}

// settled deals with the end of a handshake; proven tells whether it has proved whose the connection is. The caller
// holds mu.
func (p *Ports) settled(l *Lease, c *candidate, secured net.Conn, proven bool, err error, interrupted bool) {
	switch {
	case err == nil && proven:
		c.conn = secured
		p.proven(l, c)
		return
	case err == nil:
		c.conn, c.full = secured, true
	default:
		p.stats.Strangers++
		p.release(c) // closed by the prover
	}
	switch {
	case interrupted:
	case c.claim == claims:
		p.strike(l, c, err)
	case err != nil:
		l.group.lose(c, failedShake)
		if l.lost == ErrGone {
			l.lost = fmt.Errorf("%w: %w", ErrGone, err)
		}
	}
}

// secureFirst has the handshake done of a connection whose lease needs no proof, before its transfer is asked for: some
// clients wait for that (aioftp, axel). Others say nothing before the reply to their command, and until the transfer is
// asked for their silence has no limit. The caller holds mu.
func (p *Ports) secureFirst(l *Lease, c net.Conn) {
	l.quiet, l.secured = c, make(chan struct{})
	life, who := p.life(), l.req.waived
	p.running.Go(func() {
		_, replay, err := identify([]Prover{who.prover}, c)
		p.mu.Lock()
		l.quiet = nil
		p.deadline(c, time.Time{})
		p.unlock()
		if err != nil {
			quietly(replay)
			p.securedFirst(l, nil, err)
			return
		}
		var secured net.Conn
		err = errExited
		defer func() {
			if err == errExited {
				quietly(replay)
			}
			p.securedFirst(l, secured, err)
		}()
		secured, _, err = prove(life, who, replay)
	})
}

// securedFirst gives the lease the connection on which secureFirst has done the handshake, or ends the lease with err;
// if the lease has ended in the meantime, securedFirst closes the connection.
func (p *Ports) securedFirst(l *Lease, secured net.Conn, err error) {
	p.mu.Lock()
	defer p.unlock()
	defer close(l.secured)
	switch {
	case l.state == connected && err == nil:
		l.conn = secured
	case l.state == connected:
		p.drop(l)
		l.err = err
	case secured != nil:
		p.later = append(p.later, func() { quietly(secured) })
	}
}

// proven gives a connection to the lease that it has proved to be for. Only proof, unlike a claim that anybody can
// make, shows that an owner uses the proof of one session for another; then nobody can tell for which of several leases
// of such an owner a connection is. The caller holds mu.
func (p *Ports) proven(l *Lease, c *candidate) {
	if c.sibling {
		p.mixers.add(l.req.owner())
	}
	if p.mixed(l) {
		p.refuse(c, errOtherSession)
		return
	}
	p.release(c)
	p.connect(l, c.conn)
}

// leftOver closes a connection that was refused during the handshake, or whose lease ended then. The caller holds mu.
func (p *Ports) leftOver(c *candidate, secured net.Conn) {
	if !c.gone {
		p.release(c)
		p.stats.Strangers++
	}
	if secured != nil {
		p.later = append(p.later, func() { quietly(secured) })
	}
}

// contest limits the turn of a lease's handshake, since other connections wait for theirs. The caller holds mu.
func (p *Ports) contest(l *Lease) {
	c := l.shaking
	if c == nil || c.limited {
		return
	}
	c.limited = true
	time.AfterFunc(turn, func() {
		p.mu.Lock()
		defer p.unlock()
		if l.shaking == c && l.state == waiting {
			l.shaking = nil
			p.dirty = append(p.dirty, l.group)
		}
	})
}

// part gives a handshake whose lease has ended a second to finish. If another connection has got the lease, part cuts
// the handshake at once: the call of Accept that is to return that connection may be doing it. The caller holds mu.
func (p *Ports) part(l *Lease, cut context.CancelCauseFunc) {
	if l.state == connected {
		cut(errOutrun)
		return
	}
	time.AfterFunc(lingering, func() { cut(ErrClosed) })
}

// recall turns away the connection whose handshake was left to Accept and has not begun, since another connection has
// got the lease. The caller holds mu.
func (p *Ports) recall(l *Lease) {
	select {
	case c := <-l.turn:
		c.shaking = false
		p.turnAway(c)
	default:
	}
}

// life returns the context of handshakes that no call of Accept does. [Ports.Close] ends it. The caller holds mu.
func (p *Ports) life() context.Context {
	if p.alive == nil {
		p.alive, p.kill = context.WithCancelCause(context.Background())
	}
	return p.alive
}
