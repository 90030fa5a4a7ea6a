package passive

import (
	"fmt"
	"slices"
)

// event is one thing that happens. What the numbers mean depends on what it is.
type event struct {
	what       happening
	a, b, c, d uint8
}

type happening uint8

const (
	// What sessions do. The table does not see why a lease is closed: a refused command, ABOR, PASV again, or the end
	// of the control connection.
	leases happening = iota // a asks for a lease with the policy b, on port c if it is free; d: its tickets are untested
	wants                   // the transfer of a is asked for
	closes                  // a's lease is closed, with c its Accept too; a waiter leaves, port b is looked at first
	drops                   // a does without proof, since the data will be in clear
	// What connections do.
	connects // a connects to port b; c: from elsewhere
	says     // connection a shows the ticket of b: a session's, nobody's (none, or a dead one) or another's
	hangsUp  // connection a, which has said nothing
	resumes  // the handshake of connection a proves whose it is
	shakes   // it proves nothing
	breaks   // it fails
	// What time does.
	yields   // the turn of the handshake of connection a is over
	bettered // the wait b of lease a is over
	silenced // connection a has said nothing for too long
	expires  // lease a
	stales   // lease a was not used, and others wait
	shares   // a waits and shares a port, b if it can
	despairs // a has waited in vain; port b is looked at first
	forgives // failed claims of address a, or to session a-2, are forgotten
	forgets  // that port a was announced in vain to session b
)

func (e event) String() string {
	names := [...]string{"lease", "want", "close", "drop proof", "connect", "say", "hang up", "resumed", "full", "failed", "turn", "timeout",
		"silence", "TTL", "stale", "share", "busy", "forgive", "forget"}
	return fmt.Sprintf("%s %d %d %d %d", names[e.what], e.a, e.b, e.c, e.d)
}

// happen applies an event to the model and settles.
func (m *model) happen(e event) {
	m.effects = m.effects[:0]
	if m.clock == 0 {
		m.clock = 1
	}
	switch e.what {
	case leases:
		m.reserve(e.a, m.wish(e), e.c)
	case wants:
		m.want(e.a)
	case closes:
		m.close(e.a, e.b, e.c == 1)
	case drops:
		m.drop(e.a)
	case connects:
		m.arrive(modelConn{by: e.a, port: e.b, roaming: e.c == 1, id: e.d})
	case says:
		m.say(int(e.a), e.b)
	case hangsUp, silenced:
		m.fallSilent(int(e.a), e.what == silenced)
	case resumes, shakes, breaks:
		m.shaken(int(e.a), e.what)
	case yields:
		m.conns[e.a].aside = true
		m.dirty[m.conns[e.a].port][0] = true
	case forgives:
		m.strikes[e.a] = 0
	case forgets:
		m.recent[e.a][e.b] = false
	default:
		m.timeout(e)
	}
	m.settle()
	if m.history != nil {
		*m.history = append(*m.history, m.effects...)
	}
}

func (m *model) timeout(e event) {
	l := &m.sessions[e.a]
	switch e.what {
	case bettered:
		l.running[e.b], l.over[e.b] = false, true
		m.dirty[l.port][0] = true
	case expires:
		err := ErrExpired
		if l.lost != noWaste {
			err = losses[l.lost]
		}
		m.end(e.a, err)
	case stales:
		if l.policy == inClear {
			m.end(e.a, ErrExpired)
			return
		}
		l.open, l.guest, l.doubted = false, false, true
		m.dirty[l.port][0] = true
		m.freed(l.port)
	case shares:
		if w, at, ports := m.waited(e.a); slices.Contains(ports, e.b) {
			m.dequeue(uint8(slices.Index(m.queue[:m.waiters], e.a)))
			m.add(e.a, w, e.b, at)
		}
	case despairs:
		m.note(effect{kind: leaseBusy, who: e.a})
		m.quit(e.a, e.b)
	}
}

// want is Lease.want, or Accept taking what is there.
func (m *model) want(s uint8) {
	l := &m.sessions[s]
	if l.phase == holding {
		*l = modelSession{}
		return
	}
	l.wanted = m.next()
	for i := range m.conns[:m.n] {
		if c := &m.conns[i]; c.port == l.port && !c.away && c.spoke == 0 {
			m.note(effect{kind: helloBounded, conn: *c, asked: true})
		}
	}
	m.dirty[l.port][0] = true
}

// close is Lease.Close, or giving up in the queue.
func (m *model) close(s, first uint8, accepting bool) {
	switch l := &m.sessions[s]; l.phase {
	case leased:
		for i := range m.conns[:m.n] {
			c := &m.conns[i]
			c.doomed = accepting && c.byAccept && c.shaking && c.lease == int8(s)
		}
		m.end(s, ErrClosed)
		m.settle()
		m.turnDoomedAway()
	case queued:
		m.quit(s, first)
	case holding:
		*l = modelSession{}
	}
}

// drop is Lease.DropProof. A connection that is there and has said nothing is the lease's as well.
func (m *model) drop(s uint8) {
	l := &m.sessions[s]
	if !m.drops(s) {
		return
	}
	l.policy, l.guest, l.open = inClear, false, true
	for i := range m.conns[:m.n] {
		if c := m.conns[i]; c.port == l.port && !c.away {
			m.connect(s, m.release(i), false)
			return
		}
	}
}

// drops reports whether a lease can do without proof.
func (m *model) drops(s uint8) bool {
	l := &m.sessions[s]
	if l.unsure {
		return false
	}
	for i := range m.sessions {
		if other := &m.sessions[i]; uint8(i) != s && other.phase == leased && other.port == l.port {
			return false
		}
	}
	n := 0
	for _, c := range m.conns[:m.n] {
		if c.port != l.port || c.away {
			continue
		}
		if n++; n > 1 || c.shaking || c.full || c.number < l.number {
			return false
		}
	}
	return true
}

// arrive is Ports.claim.
func (m *model) arrive(c modelConn) {
	c.lease, c.away = none, c.roaming
	if !c.roaming && m.exclusive(c.port) {
		for i := range m.sessions {
			if l := &m.sessions[i]; l.phase == leased && l.port == c.port {
				c.ticket = nobody
				m.connect(uint8(i), c, false)
				return
			}
		}
	}
	if !m.proofs(c.port) || c.roaming && m.strikes[1] > maxStrikes {
		m.note(effect{kind: connClosed, conn: c})
		return
	}
	c.number, c.ticket = m.next(), nobody
	m.conns[m.n] = c
	m.n++
	m.note(effect{kind: helloBounded, conn: c, asked: !c.away && m.asked(c.port)})
}

// asked reports whether a lease on a port has its transfer asked for.
func (m *model) asked(port uint8) bool {
	return slices.ContainsFunc(m.sessions[:], func(l modelSession) bool {
		return l.phase == leased && l.port == port && l.wanted != 0
	})
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
