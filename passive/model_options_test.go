package passive

import "slices"

// scope bounds what an exploration looks at.
type scope struct {
	name      string
	sessions  uint8 // as many as there are
	ports     uint8
	conns     int // at once
	policies  []ProofPolicy
	away      bool  // clients connect from another address than their own, too
	accepting bool  // calls of Accept end, too
	untested  bool  // leases with UntestedTickets are asked for, too
	strikes   uint8 // up to how many failed claims are counted; 0 is fewStrikes+1
	limit     int   // of states
}

// options returns everything that can happen next.
func (m *model) options(in scope) (all []event) {
	for s := range in.sessions {
		all = m.sessionOptions(all, in, s)
	}
	for i := range m.conns[:m.n] {
		all = m.connOptions(all, in, uint8(i))
	}
	if int(m.n) < in.conns {
		all = m.arrivals(all, in)
	}
	for from := range m.strikes {
		if m.strikes[from] > 0 {
			all = append(all, event{what: forgives, a: uint8(from)})
		}
	}
	for port := range m.recent {
		for s := range m.recent[port] {
			if m.recent[port][s] {
				all = append(all, event{what: forgets, a: uint8(port), b: uint8(s)})
			}
		}
	}
	return all
}

func (m *model) sessionOptions(all []event, in scope, s uint8) []event {
	l := &m.sessions[s]
	switch l.phase {
	case atRest:
		return m.requests(all, in, s)
	case queued:
		return m.waiting(all, in, s)
	case holding:
		return append(all, event{what: wants, a: s}, event{what: closes, a: s})
	}
	if l.wanted == 0 {
		all = append(all, event{what: wants, a: s})
	} else if in.accepting {
		all = append(all, event{what: closes, a: s, c: 1})
	}
	if l.policy != inClear {
		all = append(all, event{what: drops, a: s})
	}
	all = append(all, event{what: closes, a: s}, event{what: expires, a: s})
	for _, w := range []wait{forBetter, forProof, forAnother, forOthers} {
		if l.running[w] {
			all = append(all, event{what: bettered, a: s, b: uint8(w)})
		}
	}
	if m.waiters > 0 && m.unused(s) {
		all = append(all, event{what: stales, a: s})
	}
	return all
}

// unused is Ports.unused, for one lease.
func (m *model) unused(s uint8) bool {
	l := &m.sessions[s]
	return l.phase == leased && (l.open || l.guest) && l.wanted == 0 && !slices.ContainsFunc(m.conns[:m.n], func(c modelConn) bool {
		return c.port == l.port && !c.away
	})
}

func (m *model) requests(all []event, in scope, s uint8) []event {
	for _, policy := range in.policies {
		all = m.requestsOf(all, event{what: leases, a: s, b: uint8(policy)})
		if in.untested && policy != inClear {
			all = m.requestsOf(all, event{what: leases, a: s, b: uint8(policy), d: 1})
		}
	}
	return all
}

// requestsOf adds a request once for each port that chance may pick.
func (m *model) requestsOf(all []event, e event) []event {
	ports := []uint8{0}
	if !m.alone() || m.mistakes.overtake {
		if _, some := m.places(e.a, m.wish(e)); len(some) > 0 {
			ports = some
		}
	}
	for _, e.c = range ports {
		all = append(all, e)
	}
	return all
}

func (m *model) waiting(all []event, in scope, s uint8) []event {
	l := &m.sessions[s]
	for port := range in.ports {
		if port == 0 || l.policy == inClear {
			all = append(all, event{what: closes, a: s, b: port}, event{what: despairs, a: s, b: port})
		}
		if _, _, ports := m.waited(s); slices.Contains(ports, port) {
			all = append(all, event{what: shares, a: s, b: port})
		}
	}
	return all
}

func (m *model) arrivals(all []event, in scope) []event {
	for port := range in.ports {
		for s := range in.sessions {
			all = append(all, event{what: connects, a: s, b: port})
			if in.away {
				all = append(all, event{what: connects, a: s, b: port, c: 1})
			}
		}
		all = append(all, event{what: connects, a: thief, b: port}, event{what: connects, a: thief, b: port, c: 1})
	}
	return all
}

func (m *model) connOptions(all []event, in scope, i uint8) []event {
	c := &m.conns[i]
	switch {
	case c.spoke == 0:
		all = append(all, event{what: hangsUp, a: i}, event{what: silenced, a: i})
		for ticket := range uint8(another + 1) {
			if c.has(ticket) && (ticket < in.sessions || ticket >= nobody) {
				all = append(all, event{what: says, a: i, b: ticket})
			}
		}
	case c.shaking:
		all = append(all, event{what: breaks, a: i})
		if c.lease == none {
			break
		}
		all = append(all, event{what: shakes, a: i})
		if c.proves() {
			all = append(all, event{what: resumes, a: i})
		}
		if c.cut && !c.aside {
			all = append(all, event{what: yields, a: i})
		}
	}
	return all
}

// has reports whether a connection may show a ticket: a thief has seen all tickets, which travel in clear; the client
// of a session has the tickets of the session and of its owner.
func (c *modelConn) has(ticket uint8) bool {
	return c.by == thief || ticket == nobody || modelOwners[ticket] == modelOwners[c.by]
}

// proves reports whether a connection's handshake can prove that the connection is of the session on whose behalf it is
// done: a thief can't resume a ticket that was only seen.
func (c *modelConn) proves() bool {
	return c.by != thief && c.ticket < nobody && modelOwners[c.by] == modelOwners[c.lease]
}
