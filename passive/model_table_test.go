package passive

import "slices"

// model is a state and what is being done to it.
type model struct {
	modelState
	mistakes mistakes
	ports    uint8
	// manyStrikes is the number up to which failed claims are counted.
	manyStrikes uint8
	// sessionStrikes tells whether failed claims are counted by session, too. Without, there are fewer states.
	sessionStrikes bool

	clock   uint8 // the last number
	dirty   [modelPorts][2]bool
	effects []effect  // of the last event
	history *[]effect // of all events, unless nil

	groups  map[[modelSessions]uint8]*group
	known   facts // memory for settle
	verdict verdict
}

// mistakes holds parts of the table and of the rule that a test may replace by wrong ones.
type mistakes struct {
	judge       func(facts, *verdict)
	fits        func(g *group, r *Request, mixes bool) place
	unsorted    func(g *group, r *Request) bool
	mixByClaim  bool // a claim is enough to know that an owner uses the proof of one session for another
	overtake    bool // newcomers do not wait behind one that can share with nobody
	forgetQueue bool // waiters behind one that could share with nobody wait on when that one gives up
	fullCounts  bool // a handshake without proof is taken for proof
	endless     bool // failed claims are not counted
	anywhere    bool // failed claims from elsewhere count like those from the client's address
}

func (m *model) next() uint8 {
	m.clock++
	return m.clock
}

// stocked holds leases for group.fits and group.unsorted to look at, by session, policy and whether the session's
// tickets are untested.
var stocked = func() (all [modelSessions][inClear + 1][2]*Lease) {
	for s := range all {
		for policy := range inClear + 1 {
			for untested := range all[s][policy] {
				all[s][policy][untested] = &Lease{req: modelRequest(uint8(s), policy, untested == 1)}
			}
		}
	}
	return all
}()

func modelRequest(s uint8, policy ProofPolicy, untested bool) Request {
	r := Request{Owner: modelOwners[s], Policy: policy, Identity: string(rune('0' + s)), UntestedTickets: untested}
	if policy == inClear {
		r.Identity, r.Policy = "", Unlikely
	}
	return r
}

// group returns a group of the table for group.fits and group.unsorted to look at. Groups that look alike are made
// once.
func (m *model) group(port uint8) *group {
	var code [modelSessions]uint8
	for i := range m.sessions {
		if l := &m.sessions[i]; l.phase == leased && l.port == port {
			code[i] = 1 + uint8(l.policy)<<4 + bits(false, l.open, l.guest, l.untested)
		}
	}
	if m.groups == nil {
		m.groups = make(map[[modelSessions]uint8]*group)
	}
	g := m.groups[code]
	if g == nil {
		g = m.newGroup(port)
		m.groups[code] = g
	}
	return g
}

func (m *model) newGroup(port uint8) *group {
	g := &group{owners: make(map[owner]int)}
	for i := range m.sessions {
		l := &m.sessions[i]
		if l.phase != leased || l.port != port {
			continue
		}
		of := stocked[i][l.policy][bit(l.untested)]
		g.leases = append(g.leases, of)
		g.owners[of.req.owner()]++
		if l.open {
			g.open = of
		}
		if l.guest {
			g.guests++
		}
	}
	return g
}

// fits is Ports.placeIn or, for a waiter in a queue that has stood still, group.fits.
func (m *model) fits(s uint8, w wish, port uint8) place {
	g, r := m.group(port), &stocked[s][w.policy][bit(w.untested)].req
	if !w.waited && m.mistakes.unsorted(g, r) {
		return noPlace
	}
	return m.mistakes.fits(g, r, m.mixes && r.Owner == "A")
}

// wish is what a session asks for.
type wish struct {
	policy   ProofPolicy
	untested bool
	share    bool // a place that it shares with others will do
	waited   bool // the queue has stood still: a place that unsorted advises against will do
}

// wish returns what a session in the queue asks for.
func (l *modelSession) wish() wish { return wish{policy: l.policy, untested: l.untested} }

// wish returns what a newcomer asks for, as reserve has it.
func (m *model) wish(e event) wish {
	policy := ProofPolicy(e.b)
	return wish{policy: policy, untested: e.d == 1, share: policy != inClear && policy.demands() && !m.alone()}
}

// alone reports whether a session waits that can share a port with nobody.
func (m *model) alone() bool {
	return slices.ContainsFunc(m.queue[:m.waiters], func(s uint8) bool { return m.sessions[s].policy == inClear })
}

// places returns the ports that have a free place or, if none has and w allows that, a shared place.
func (m *model) places(s uint8, w wish) (at place, ports []uint8) {
	for _, at = range []place{freePlace, sharedPlace} {
		for port := range m.ports {
			if m.fits(s, w, port) == at {
				ports = append(ports, port)
			}
		}
		if len(ports) > 0 || !w.share {
			break
		}
	}
	return at, ports
}

// waited returns the places for a session in a queue that has stood still, as Ports.recheck has it.
func (m *model) waited(s uint8) (w wish, at place, ports []uint8) {
	plain := m.sessions[s].policy == Unlikely || m.sessions[s].policy == inClear
	w = m.sessions[s].wish()
	w.share, w.waited = !plain, true
	if !plain || !m.overtakes(s) {
		at, ports = m.places(s, w)
	}
	return w, at, ports
}

// overtakes is queue.overtakes.
func (m *model) overtakes(s uint8) bool {
	i := slices.Index(m.queue[:m.waiters], s)
	return slices.ContainsFunc(m.queue[:i+1], func(s uint8) bool { return m.sessions[s].policy == inClear })
}

// reserve is Ports.reserve. If there is a place on port, reserve takes that, otherwise the session queues.
func (m *model) reserve(s uint8, w wish, port uint8) {
	if !m.alone() || m.mistakes.overtake {
		if at, ports := m.places(s, w); slices.Contains(ports, port) {
			m.add(s, w, port, at)
			return
		}
	}
	m.sessions[s] = modelSession{phase: queued, policy: w.policy, untested: w.untested}
	m.queue[m.waiters] = s
	m.waiters++
}

// add is Ports.add and Ports.arm.
func (m *model) add(s uint8, w wish, port uint8, at place) {
	l := &m.sessions[s]
	*l = modelSession{phase: leased, port: port, policy: w.policy, untested: w.untested, number: m.next()}
	switch {
	case l.demands():
	case at == freePlace:
		l.open = true
	default:
		l.guest = true
	}
	m.note(effect{kind: leaseGranted, who: s})
}

// end is Ports.end.
func (m *model) end(s uint8, err error) {
	l := &m.sessions[s]
	if l.policy != inClear {
		m.recent[l.port][s] = true
		m.note(effect{kind: portWasted, who: s, port: l.port})
	}
	m.note(effect{kind: leaseEnded, who: s, err: err, lease: *l})
	port := l.port
	*l = modelSession{}
	for i := range m.sessions {
		if other := &m.sessions[i]; other.phase == leased && other.port == port {
			other.unsure = true
		}
	}
	m.leave(s, port)
}

// connect is Ports.connect.
func (m *model) connect(s uint8, c modelConn, proven bool) {
	l := &m.sessions[s]
	m.note(effect{kind: connGiven, who: s, conn: c, lease: *l, proven: proven, before: m.modelState})
	m.note(effect{kind: queueMoved, asked: m.waiters > 0})
	port, asked := l.port, l.wanted != 0
	for i := range m.conns[:m.n] {
		other := &m.conns[i]
		other.doomed = other.shaking && other.lease == int8(s)
	}
	*l = modelSession{}
	if !asked {
		l.phase = holding
	}
	m.leave(s, port)
	m.turnDoomedAway()
}

// leave is Ports.leave.
func (m *model) leave(s, port uint8) {
	for i := range m.conns[:m.n] {
		c := &m.conns[i]
		if c.lease != int8(s) {
			continue
		}
		c.lease, c.lapsed = none, true
		if c.claim == claims {
			c.claim = foreign
		}
		if c.shaking {
			m.note(effect{kind: shakeLingers, conn: *c})
		}
	}
	m.dirty[port][0] = true
	if !m.proofs(port) {
		for i := int(m.n) - 1; i >= 0; i-- {
			if m.conns[i].port == port {
				m.turnAway(i, nil)
			}
		}
	}
	m.freed(port)
}

// proofs reports whether a lease on a port can be proved.
func (m *model) proofs(port uint8) bool {
	for i := range m.sessions {
		if l := &m.sessions[i]; l.phase == leased && l.port == port && l.policy != inClear {
			return true
		}
	}
	return false
}

// freed is Ports.freed.
func (m *model) freed(port uint8) {
	for i := uint8(0); i < m.waiters; {
		s := m.queue[i]
		w := m.sessions[s].wish()
		at := m.fits(s, w, port)
		switch {
		case at == freePlace || at == sharedPlace && w.policy.demands() && w.policy != inClear:
			m.dequeue(i)
			m.add(s, w, port, at)
		case w.policy == inClear:
			return
		default:
			i++
		}
	}
}

// dequeue is Ports.remove.
func (m *model) dequeue(i uint8) {
	copy(m.queue[i:], m.queue[i+1:m.waiters])
	m.waiters--
	m.queue[m.waiters] = 0
}

// quit is Ports.quit. That goes through the ports in any order; here first is the first.
func (m *model) quit(s, first uint8) {
	alone := m.sessions[s].policy == inClear
	m.dequeue(uint8(slices.Index(m.queue[:m.waiters], s)))
	m.sessions[s] = modelSession{}
	if !alone || m.mistakes.forgetQueue {
		return
	}
	m.freed(first)
	if m.ports > 1 {
		m.freed(1 - first)
	}
}

// release is Ports.release.
func (m *model) release(i int) modelConn {
	c := m.conns[i]
	m.dirty[c.port][bit(c.away)] = true
	copy(m.conns[i:], m.conns[i+1:m.n])
	m.n--
	m.conns[m.n] = modelConn{}
	return c
}

// turnAway is Ports.turnAway.
func (m *model) turnAway(i int, why error) {
	m.note(effect{kind: connClosed, conn: m.release(i), err: why, before: m.modelState})
}

func (m *model) turnDoomedAway() {
	for i := int(m.n) - 1; i >= 0; i-- {
		if m.conns[i].doomed {
			m.turnAway(i, nil)
		}
	}
}

// shaking returns the connection whose handshake has its turn on behalf of a session, nil for none.
func (m *model) shaking(s uint8) *modelConn {
	for i := range m.conns[:m.n] {
		if c := &m.conns[i]; c.shaking && !c.aside && c.lease == int8(s) {
			return c
		}
	}
	return nil
}
