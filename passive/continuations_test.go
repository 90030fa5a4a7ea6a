package passive

// This file checks what must be possible in every state.

// stuck tries the continuations of a state, and returns "" or a complaint.
func (m *model) stuck() string {
	start := m.modelState
	defer func() { m.modelState = start }()
	for s := range uint8(modelSessions) {
		l := &start.sessions[s]
		if l.phase != leased || l.policy == inClear {
			continue
		}
		if !m.ownerServed(s, start) {
			return "a session's own connection with proof is not served"
		}
		if !m.plainServed(s, start) {
			return "a connection without proof is not served though it is the only one"
		}
	}
	m.modelState = start
	return m.drained()
}

// ownerServed reports whether a session is served whose client connects now, or has connected and speaks now, and
// proves whose it is. Other handshakes under way go on for as long as the table lets them.
func (m *model) ownerServed(s uint8, start modelState) bool {
	if start.mixes && modelOwners[s] == "A" && start.sessions[0].port == start.sessions[1].port {
		return true // nobody can tell which of them is meant
	}
	m.modelState = start
	if m.n < modelConns {
		m.happen(event{what: connects, a: s, b: m.sessions[s].port, d: own})
		if m.n == start.n || !m.proves(s, int(m.n)-1) {
			return false
		}
	}
	for i := range start.conns[:start.n] {
		c := &start.conns[i]
		m.modelState = start
		if c.by != s || c.claim != silent || c.port != m.sessions[s].port || m.proves(s, i) {
			continue
		}
		if !c.roaming || !start.sessions[s].waited() || m.sessions[s].phase == leased {
			return false
		}
	}
	return true
}

// waited reports whether a lease that has waited once for a claim from elsewhere is given without waiting to the only
// connection that came from the client's own address.
func (l *modelSession) waited() bool { return !l.demands() && (l.over[forBetter] || l.over[forOthers]) }

// own is the id of the connection that a continuation follows.
const own = 0xff

// proves has a connection show the ticket of a session and, in turn, prove the claim. It reports whether the session
// gets the connection.
func (m *model) proves(s uint8, i int) bool {
	m.conns[i].id = own
	m.happen(event{what: says, a: uint8(i), b: s})
	for range 2 * modelConns {
		at := -1
		for i, c := range m.conns[:m.n] {
			if c.id == own {
				at = i
			}
		}
		if at < 0 {
			return false
		}
		if m.conns[at].shaking {
			m.happen(event{what: resumes, a: uint8(at)})
			return m.has(s)
		}
		other := m.shaking(s)
		if other == nil || !other.cut {
			return false
		}
		m.yield(other)
	}
	return false
}

// yield has the turn of a connection be over.
func (m *model) yield(c *modelConn) {
	for i := range m.conns[:m.n] {
		if &m.conns[i] == c {
			m.happen(event{what: yields, a: uint8(i)})
			return
		}
	}
}

// has reports whether the last event gave a session the connection that a continuation follows.
func (m *model) has(s uint8) bool {
	for _, e := range m.effects {
		if e.kind == connGiven && e.who == s && e.conn.id == own {
			return true
		}
	}
	return false
}

// plainServed reports whether a connection without proof is served that is the only one of the only lease that it may
// be for. It reports true if there is no such connection.
func (m *model) plainServed(s uint8, start modelState) bool {
	l := &start.sessions[s]
	if !l.open || l.doubted {
		return true
	}
	for _, c := range start.conns[:start.n] {
		if c.port == l.port && !c.away {
			return true
		}
	}
	for i := range start.sessions {
		if other := &start.sessions[i]; other.phase == leased && other.port == l.port && other.guest {
			return true
		}
	}
	m.modelState = start
	m.happen(event{what: connects, a: s, b: l.port, d: own})
	m.happen(event{what: says, a: m.n - 1, b: nobody})
	if c := m.shaking(s); c != nil {
		m.happen(event{what: shakes, a: m.n - 1})
	}
	if l.wanted == 0 {
		m.happen(event{what: wants, a: s})
	}
	if m.sessions[s].running[forBetter] {
		m.happen(event{what: bettered, a: s, b: uint8(forBetter)})
	}
	return m.has(s)
}

// drained complains if something is left when everybody gives up and all times are over.
func (m *model) drained() string {
	for m.n > 0 {
		switch c := &m.conns[0]; {
		case c.shaking:
			m.happen(event{what: breaks})
		case c.claim == silent:
			m.happen(event{what: silenced})
		default:
			// It waits for a lease to end.
			if !m.expireOne() {
				return "a connection is left that nothing ends"
			}
		}
	}
	for m.expireOne() {
	}
	if m.n > 0 || m.waiters > 0 {
		return "something is left when all leases have ended"
	}
	for s := range m.sessions {
		if p := m.sessions[s].phase; p == queued || p == leased {
			return "a session is left waiting when all leases have ended"
		}
	}
	return ""
}

func (m *model) expireOne() bool {
	for s := range uint8(modelSessions) {
		if m.sessions[s].phase == leased {
			m.happen(event{what: expires, a: s})
			return true
		}
	}
	return false
}
