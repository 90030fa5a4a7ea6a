package passive

import (
	"errors"
	"slices"
)

// settle asks the rule about every group that has changed, until none changes any more.
func (m *model) settle() {
	for again := true; again; {
		again = false
		for port := range uint8(modelPorts) {
			for away := range m.dirty[port] {
				if m.dirty[port][away] {
					m.dirty[port][away], again = false, true
					m.settlePort(port, away == 1)
				}
			}
		}
	}
	m.compress()
	m.clock = 2*modelSessions + 2*modelConns
}

// settlePort is Ports.settle, for the clients' address or for the one elsewhere.
func (m *model) settlePort(port uint8, away bool) {
	leases, conns := m.facts(port, away)
	if m.exclusive(port) && !away || len(conns) == 0 && !m.strained(leases) {
		return
	}
	m.mistakes.judge(m.known, &m.verdict)
	v := m.verdict
	for i := range v.conns {
		if at := m.find(conns[i]); at >= 0 {
			m.carryOut(at, v.conns[i], leases)
		}
	}
	for i := range v.leases {
		if m.sessions[leases[i]].phase == leased {
			m.apply(leases[i], v.leases[i])
		}
	}
}

func (m *model) exclusive(port uint8) bool {
	for i := range m.sessions {
		if l := &m.sessions[i]; l.phase == leased && l.port == port && l.policy == inClear {
			return true
		}
	}
	return false
}

func (m *model) strained(leases []uint8) bool {
	for _, s := range leases {
		if m.sessions[s].doubted || m.sessions[s].failed {
			return true
		}
	}
	return false
}

// facts gathers what the rule looks at. A connection is known by its number, which no other of its port has.
func (m *model) facts(port uint8, away bool) (leases []uint8, conns []modelConn) {
	f := &m.known
	f.leases, f.conns = f.leases[:0], f.conns[:0]
	index := [modelSessions]int{none, none, none}
	for i := range m.sessions {
		l := &m.sessions[i]
		if away || l.phase != leased || l.port != port {
			continue
		}
		index[i] = len(leases)
		leases = append(leases, uint8(i))
		f.leases = append(f.leases, leaseFacts{
			number: uint64(l.number), wanted: uint64(l.wanted), demand: l.policy, open: l.open, guest: l.guest,
			shaking: m.shaking(uint8(i)) != nil, patient: l.over[forBetter], alone: l.over[forOthers],
			doubted: l.doubted, overdue: l.over[forProof], failed: l.failed, unheard: l.over[forAnother],
		})
	}
	for i := range m.conns[:m.n] {
		c := m.conns[i]
		if c.port != port || c.away != away {
			continue
		}
		conns = append(conns, c)
		fact := connFacts{number: uint64(c.number), spoke: uint64(c.spoke), roaming: c.roaming, claim: c.claim, lease: none, shaking: c.shaking, full: c.full}
		if c.lease != none {
			fact.lease = index[c.lease]
		}
		f.conns = append(f.conns, fact)
	}
	return leases, conns
}

// find returns where a connection is, or a negative number when it is gone.
func (m *model) find(c modelConn) int {
	for i := range m.conns[:m.n] {
		if m.conns[i].port == c.port && m.conns[i].number == c.number {
			return i
		}
	}
	return -1
}

// carryOut is Ports.carryOut and, for a refusal, Ports.refuse.
func (m *model) carryOut(i int, v connVerdict, leases []uint8) {
	c := &m.conns[i]
	switch v.do {
	case refuse:
		m.lose(*c, v.why)
		m.turnAway(i, v.why)
	case shake:
		c.byAccept = m.sessions[leases[v.lease]].wanted != 0 && !slices.ContainsFunc(m.conns[:m.n], func(other modelConn) bool {
			return other.shaking && other.byAccept && other.lease == int8(leases[v.lease])
		})
		c.lease, c.shaking = int8(leases[v.lease]), true
	case give:
		s := leases[v.lease]
		m.connect(s, m.release(i), false)
	}
}

// lose notes that a connection was of no use, for the lease that the connection claims, or else for the only lease of
// the port, or else for all those of its address that demand proof by policy and are older.
func (m *model) lose(c modelConn, why error) {
	note := func(s int8) {
		switch l := &m.sessions[s]; {
		case l.lost != noWaste || c.roaming:
		case errors.Is(why, errOtherSession):
			l.lost = notOurs
		default:
			l.lost = notProven
		}
	}
	if c.lease != none {
		note(c.lease)
	}
	if c.lease != none || c.lapsed {
		return
	}
	var here []int8
	for i := range m.sessions {
		if m.sessions[i].phase == leased && m.sessions[i].port == c.port {
			here = append(here, int8(i))
		}
	}
	for _, s := range here {
		if l := m.sessions[s]; len(here) == 1 || l.policy == Required && !c.away && c.number > l.number {
			note(s)
		}
	}
}

// apply is Ports.apply.
func (m *model) apply(s uint8, v leaseVerdict) {
	l := &m.sessions[s]
	switch {
	case v.end != nil:
		if v.end == ErrUnproven && l.lost != noWaste {
			v.end = losses[l.lost]
		}
		m.end(s, v.end)
		return
	case v.reset:
		l.failed, l.over[forAnother] = false, false
	}
	if v.doubt && !l.doubted {
		l.doubted = true
		m.dirty[l.port][0] = true
	}
	if c := m.shaking(s); v.contested && c != nil && !c.cut {
		c.cut = true
		m.note(effect{kind: shakeLimited, conn: *c})
	}
	if w := v.wait; w != 0 && !l.over[w] && !l.running[w] {
		l.running[w] = true
		m.note(effect{kind: waitStarted, who: s, wait: w, lease: *l})
	}
}
