package passive

// This file models what connections claim and what their handshakes prove.

// say is Ports.heard.
func (m *model) say(i int, ticket uint8) {
	c := &m.conns[i]
	m.dirty[c.port][bit(c.away)] = true
	c.spoke, c.ticket = m.next(), ticket
	m.claim(c)
	if c.claim != claims || !c.away {
		return
	}
	moved := m.release(i)
	moved.away = false
	m.conns[m.n] = moved
	m.n++
	m.dirty[moved.port][0] = true
}

// claim is Ports.claims and Ports.sibling.
func (m *model) claim(c *modelConn) {
	c.claim = foreign
	switch {
	case c.ticket == nobody:
		c.claim = unproven
		return
	case c.ticket == another:
		return
	}
	l := int8(c.ticket)
	if s := &m.sessions[l]; s.phase != leased || s.port != c.port || s.policy == inClear {
		if l = m.siblingOf(c); l == none {
			return
		}
		c.sibling = true
		if m.mistakes.mixByClaim {
			m.mixes = true
		}
	}
	if !m.mixed(uint8(l)) {
		c.claim, c.lease = claims, l
	}
}

// siblingOf returns a lease of the owner of the session whose ticket c shows, none if there
// is none.
func (m *model) siblingOf(c *modelConn) int8 {
	for i := range m.sessions {
		l := &m.sessions[i]
		if l.phase != leased || l.port != c.port || l.policy == inClear || modelOwners[i] != modelOwners[c.ticket] {
			continue
		}
		if !m.mixes && m.recent[c.port][c.ticket] {
			return none
		}
		return int8(i)
	}
	return none
}

// mixed is Ports.mixed.
func (m *model) mixed(s uint8) bool {
	if !m.mixes || modelOwners[s] != "A" {
		return false
	}
	a, b := &m.sessions[0], &m.sessions[1]
	return a.phase == leased && b.phase == leased && a.port == b.port
}

// fallSilent is Ports.heard for a connection that ended, or was silent for too long.
func (m *model) fallSilent(i int, bySilence bool) {
	c := m.conns[i]
	m.dirty[c.port][bit(c.away)] = true
	m.turnAway(i, nil)
	if !c.away {
		how := hungUp
		if bySilence {
			how = fellSilent
		}
		m.loseOpen(c, how)
	}
}

// loseOpen is group.lose.
func (m *model) loseOpen(c modelConn, how loss) {
	for s := range m.sessions {
		l := &m.sessions[s]
		if l.phase != leased || l.port != c.port || !l.open || c.number < l.number {
			continue
		}
		if l.lost == noWaste {
			l.lost = gone
		}
		if how == failedShake || how == fellSilent && l.wanted != 0 {
			m.stop(uint8(s), forAnother)
			l.failed, l.over[forAnother] = true, how == fellSilent
		}
	}
}

func (m *model) stop(s uint8, w wait) {
	m.sessions[s].running[w] = false
	m.note(effect{kind: waitStopped, who: s, wait: w})
}

// shaken is Ports.settled.
func (m *model) shaken(i int, how happening) {
	c := &m.conns[i]
	m.dirty[c.port][0] = true
	c.shaking, c.cut, c.aside = false, false, false
	if c.lease == none {
		m.turnAway(i, nil)
		return
	}
	s := uint8(c.lease)
	switch {
	case how == resumes || how == shakes && m.mistakes.fullCounts:
		m.proven(s, i)
		return
	case how == shakes:
		c.full = true
	}
	was := *c
	if how == breaks {
		m.turnAway(i, nil)
	}
	switch {
	case was.claim == claims:
		m.strike(s, was)
	case how == breaks:
		m.loseOpen(was, failedShake)
	}
}

// proven gives a connection to the lease that it has proved to be for.
func (m *model) proven(s uint8, i int) {
	if m.conns[i].sibling {
		m.mixes = true
	}
	if m.mixed(s) {
		m.lose(m.conns[i], errOtherSession)
		m.turnAway(i, errOtherSession)
		return
	}
	m.connect(s, m.release(i), true)
}

// strike is Ports.strike.
func (m *model) strike(s uint8, c modelConn) {
	l := &m.sessions[s]
	few := m.struck(bit(c.roaming)) <= fewStrikes
	if !c.roaming || m.mistakes.anywhere {
		few = m.struck(2+s) <= fewStrikes && few || m.mistakes.endless
		l.over[forAnother] = false
		m.stop(s, forAnother)
		l.failed = few
		if few || l.lost == noWaste {
			l.lost = notProven
		}
	}
	m.note(effect{kind: claimStruck, conn: c, before: m.modelState})
}

// struck counts a failed claim from an address or to a session, and returns how many there
// were.
func (m *model) struck(who uint8) uint8 {
	many := m.manyStrikes
	if who >= 2 && !m.sessionStrikes {
		many = 0
	}
	m.strikes[who] = min(m.strikes[who]+1, many)
	return m.strikes[who]
}
