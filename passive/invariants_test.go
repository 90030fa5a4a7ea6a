package passive

import (
	"errors"
	"fmt"
	"slices"
)

// The functions of this file check what must hold whatever happens. Each returns "" or a complaint.

// broken checks what the last event did, and the state that the event led to.
func (m *model) broken(before *modelState, e event) string {
	proof := false
	for i := range m.effects {
		effect := &m.effects[i]
		proof = proof || effect.kind == connGiven && effect.proven || effect.kind == connClosed && errors.Is(effect.err, errOtherSession)
		if why := effect.broken(e); why != "" {
			return why
		}
		if why := effect.struck(before); why != "" {
			return why
		}
	}
	if m.mixes && !before.mixes && (e.what != resumes || !proof) {
		return "an owner is said to mix tickets up, and nobody proved it"
	}
	if e.what == leases && before.waits(inClear) && m.sessions[e.a].phase == leased {
		return "a newcomer overtook one who can share a port with nobody"
	}
	if m.crowded(before, e) {
		return "sessions share a port that may mix their tickets up, though the queue moves"
	}
	for _, check := range []func() string{m.connForgotten, m.leaseForgotten, m.waiterForgotten} {
		if why := check(); why != "" {
			return why
		}
	}
	return ""
}

// struck complains if a failed claim can end a lease that it should not.
func (e *effect) struck(before *modelState) string {
	if e.kind != claimStruck {
		return ""
	}
	now, was := e.before.sessions[e.conn.lease].failed, before.sessions[e.conn.lease].failed
	switch many := max(e.before.strikes[0], e.before.strikes[2+e.conn.lease]) > fewStrikes; {
	case e.conn.roaming && now != was:
		return "a failed claim from elsewhere decides whether a lease ends"
	case !e.conn.roaming && now && many:
		return "failed claims without bound can end a lease"
	}
	return ""
}

// crowded reports whether a session has come to the port of another session of the same owner without having waited
// until the queue stood still, though nobody knows whether the owner keeps tickets apart.
func (m *model) crowded(before *modelState, e event) bool {
	if m.sessions[0].phase != leased || m.sessions[1].phase != leased || m.sessions[0].port != m.sessions[1].port {
		return false
	}
	for s := range uint8(2) {
		if e.what == shares && e.a == s || before.sessions[s].phase == leased {
			continue
		}
		return m.sessions[0].untested || m.sessions[1].untested
	}
	return false
}

func (s *modelState) waits(policy ProofPolicy) bool {
	for _, who := range s.queue[:s.waiters] {
		if s.sessions[who].policy == policy {
			return true
		}
	}
	return false
}

func (e *effect) broken(cause event) string {
	switch e.kind {
	case connGiven:
		return e.robbed()
	case leaseEnded:
		byTime := cause.what == expires && cause.a == e.who || cause.what == closes && cause.a == e.who
		if !byTime && e.lease.demands() && (!e.lease.failed || !e.lease.over[forAnother]) {
			return "a lease that demands proof ended before its time, without a failed claim that nobody followed"
		}
	case connClosed:
		return e.denied()
	}
	return ""
}

// robbed complains if a connection was given to a lease and may be for another one.
func (e *effect) robbed() string {
	c, l := &e.conn, &e.lease
	switch {
	case e.proven && (c.by == thief || modelOwners[c.by] != modelOwners[e.who]):
		return "proof is said to have been given by somebody who has none"
	case e.proven:
		return ""
	case c.roaming:
		return "somebody elsewhere got a connection without proof"
	case c.number != 0 && c.number < l.number:
		return "a connection was given to a lease that it was not made for"
	case l.policy == inClear:
		return ""
	case l.demands():
		return "a lease that demands proof was given a connection without"
	case l.guest && !l.over[forOthers]:
		return "a guest was given a connection without proof"
	case l.doubted:
		return "a lease was given a connection without proof after others that proved nothing"
	case l.wanted == 0:
		return "a connection without proof was given before the transfer was asked for"
	case e.before.guests(*c) && !l.over[forOthers]:
		return "a connection that may be a guest's was given to another lease"
	case e.before.guests(*c) && e.before.othersAsk(*c, e.who):
		return "a connection was given that may be for another transfer that was asked for"
	case l.policy == Untested && c.spoke < l.wanted && !l.over[forBetter] && !e.before.guests(*c):
		return "a connection without proof was given though a better one may follow"
	}
	return e.rivals()
}

// rivals complains if a connection was given without proof while another was there that could be the client's.
func (e *effect) rivals() string {
	late := e.before.guests(e.conn)
	for _, other := range e.before.conns[:e.before.n] {
		if other.port != e.conn.port || other.away || other.number == e.conn.number {
			continue
		}
		switch {
		case other.claim == claims && other.lease == int8(e.who) && !other.full && !(other.roaming && e.lease.waited()):
			return "a connection without proof was preferred to one that may prove itself"
		case other.roaming || other.number < e.lease.number || e.before.guests(other) && !late:
		case other.claim == silent && !late && !e.lease.over[forBetter]:
			return "a connection without proof was preferred to one that had said nothing yet"
		case late && !e.before.guests(other):
		case other.claim == unproven || other.full && other.lease == int8(e.who):
			return "one of two connections without proof was given"
		}
	}
	return ""
}

// othersAsk reports whether a connection that came after guests may also be for another session whose transfer was
// asked for: for a guest, or for the open lease if no connection for it came before the guests.
func (s *modelState) othersAsk(c modelConn, who uint8) bool {
	for i := range s.sessions {
		l := &s.sessions[i]
		if uint8(i) == who || l.phase != leased || l.port != c.port || l.wanted == 0 || l.doubted || l.number > c.number {
			continue
		}
		early := slices.ContainsFunc(s.conns[:s.n], func(other modelConn) bool {
			return other.port == c.port && !other.roaming && other.number > l.number && !s.guests(other)
		})
		if l.guest || l.open && !early {
			return true
		}
	}
	return false
}

// guests reports whether a connection came after a guest was told of the port, and may therefore be a guest's.
func (s *modelState) guests(c modelConn) bool {
	for i := range s.sessions {
		if l := &s.sessions[i]; l.phase == leased && l.port == c.port && l.guest && l.number < c.number {
			return true
		}
	}
	return false
}

// denied complains if a connection was closed that was made for its session's lease, had shown that session's ticket
// and had not failed to prove the claim.
func (e *effect) denied() string {
	c := &e.conn
	if e.err == nil || c.by == thief || c.ticket != c.by || c.full {
		return ""
	}
	l := &e.before.sessions[c.by]
	if l.phase != leased || l.port != c.port || l.number > c.number || l.policy == inClear || e.before.mixes && modelOwners[c.by] == "A" {
		return ""
	}
	return fmt.Sprintf("a session's own connection was refused before its handshake: %v", e.err)
}

// connForgotten complains if a connection waits for something that will not happen.
func (m *model) connForgotten() string {
	for i := range m.conns[:m.n] {
		c := &m.conns[i]
		switch {
		case c.away && c.claim == silent:
			continue // bounded by time
		case !m.proofs(c.port):
			return "a connection waits at a port that nobody waits for"
		case c.shaking || c.claim == silent:
			continue // bounded by time
		case c.claim == foreign && !c.full || c.away:
			return "a connection waits that is nobody's"
		case c.claim == claims && !c.full:
			if m.shaking(uint8(c.lease)) == nil {
				return "a connection waits for a handshake, and there is none"
			}
		default:
			if why := m.unprovenForgotten(c); why != "" {
				return why
			}
		}
	}
	return ""
}

func (m *model) unprovenForgotten(c *modelConn) string {
	for i := range m.sessions {
		l := &m.sessions[i]
		asks := l.phase == leased && l.port == c.port && l.wanted != 0 && l.number < c.number
		if asks && m.guests(*c) && (l.running[forOthers] || m.claimed(uint8(i), false)) {
			return ""
		}
	}
	for i := range m.sessions {
		l := &m.sessions[i]
		if l.phase != leased || l.port != c.port || !l.open {
			continue
		}
		if l.wanted == 0 && !c.full && m.onlyOne(uint8(i), c) {
			return "a connection without proof waits for its handshake, though no other comes first"
		}
		if l.wanted == 0 || l.running[forBetter] || m.claimed(uint8(i), false) {
			return ""
		}
		return "a connection without proof waits for nothing"
	}
	return "a connection without proof waits for nobody"
}

// onlyOne reports whether no other connection comes before one without proof for the handshake of a lease.
func (m *model) onlyOne(s uint8, c *modelConn) bool {
	for i := range m.conns[:m.n] {
		other := &m.conns[i]
		comes := other.lease == int8(s) && (!other.roaming || other.shaking && other.cut && !other.aside)
		if other.port == c.port && !other.away && comes {
			return false
		}
	}
	return true
}

// claimed reports whether a connection from the clients' address, or from elsewhere, claims a lease and has not failed
// to prove it.
func (m *model) claimed(s uint8, roaming bool) bool {
	for _, c := range m.conns[:m.n] {
		if c.claim == claims && c.lease == int8(s) && !c.full && c.roaming == roaming {
			return true
		}
	}
	return false
}

// leaseForgotten complains if a lease waits in a way that it must not.
func (m *model) leaseForgotten() string {
	for i := range m.sessions {
		l, shaking, opens := &m.sessions[i], 0, 0
		for _, c := range m.conns[:m.n] {
			if c.shaking && !c.aside && c.lease == int8(i) {
				shaking++
			}
		}
		for j := range m.sessions {
			if o := &m.sessions[j]; o.phase == leased && o.port == l.port && o.open {
				opens++
			}
		}
		switch {
		case l.phase != leased:
		case shaking > 1:
			return "two handshakes at once for one lease"
		case opens > 1:
			return "two leases of one port may do without proof"
		case l.open && l.demands() || l.guest && l.demands():
			return "a lease that demands proof has a place without"
		case l.policy == inClear || l.wanted == 0 || l.demands() || m.claimed(uint8(i), false) || m.claimed(uint8(i), true):
		case l.doubted && !l.running[forProof]:
			return "a lease waits for proof, and nothing ends that"
		}
	}
	return ""
}

// waiterForgotten complains if a session waits for a port though there is one for it.
func (m *model) waiterForgotten() string {
	for _, s := range m.queue[:m.waiters] {
		policy := m.sessions[s].policy
		for port := range m.ports {
			switch at := m.fits(s, m.sessions[s].wish(), port); {
			case at == freePlace:
				return "somebody waits for a port, and one is free"
			case at == sharedPlace && policy.demands():
				return "somebody waits for a port who could share one"
			}
		}
		if policy == inClear {
			return "" // those behind must not overtake this one
		}
	}
	return ""
}
