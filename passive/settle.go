package passive

import "time"

// How long the waits last that the rule asks for. A client for which nothing has gone wrong may take longer than any of
// them: its lease lasts for [Ports.TTL].
const (
	// betterWait is how long the only connection without proof waits while another may still prove itself.
	betterWait = time.Second
	// proofWait is how long a lease whose transfer was asked for waits for proof, once connections came that may be
	// anybody's, before its client is told to try again.
	proofWait = 5 * time.Second
	// othersWait is how long a lease whose transfer was asked for waits for other leases to ask as well: leases on the
	// same port that the only connection without proof may be for.
	othersWait = staleAfter
	// anotherWait is how long a lease whose transfer was asked for waits for another connection after a claim to it has
	// failed, before the lease ends and the client hears of that. A lease that demands no proof waits for proofWait.
	anotherWait = 2 * time.Second
)

// unlock settles the groups that have changed, releases mu, and then does what must not be done under mu.
func (p *Ports) unlock() {
	p.settleAll()
	refused, later := p.refused, p.later
	p.refused, p.later = nil, nil
	p.mu.Unlock()
	for _, c := range refused {
		reset(c)
	}
	for _, f := range later {
		f()
	}
}

// settleAll asks the rule about every group in which something has changed. The caller holds mu.
func (p *Ports) settleAll() {
	for i := 0; i < len(p.dirty); i++ { // settle may add to it
		p.settle(p.dirty[i])
	}
	clear(p.dirty)
	p.dirty = p.dirty[:0]
}

// settle asks the rule about a group and does what it says. The caller holds mu.
func (p *Ports) settle(g *group) {
	if len(g.arrived) == 0 && !g.strained() || g.exclusive() {
		return
	}
	leases, conns := p.facts(g)
	judge(p.known, &p.verdict)
	for i, v := range p.verdict.conns {
		if c := conns[i]; !c.gone {
			p.carryOut(c, v, leases)
		}
	}
	for i, v := range p.verdict.leases {
		if l := leases[i]; l.state == waiting {
			p.apply(l, v)
		}
	}
	clear(leases)
	clear(conns)
}

// strained reports whether a lease of the group may have to end before its time. The caller holds mu.
func (g *group) strained() bool {
	for _, l := range g.leases {
		if l.doubted || l.failed {
			return true
		}
	}
	return false
}

// facts fills p.known with what the rule wants to know of a group, and returns the leases and connections that the
// facts are about, in the same order. The next call uses the memory again. The caller holds mu.
func (p *Ports) facts(g *group) (leases []*Lease, conns []*candidate) {
	f := &p.known
	f.leases, f.conns = f.leases[:0], f.conns[:0]
	leases, conns = p.judged[:0], p.waiting[:0]
	for i, l := range g.leases {
		l.index = i
		leases = append(leases, l)
		f.leases = append(f.leases, l.facts())
	}
	for _, c := range g.arrived {
		conns = append(conns, c)
		f.conns = append(f.conns, c.facts())
	}
	p.judged, p.waiting = leases, conns
	return leases, conns
}

func (l *Lease) facts() leaseFacts {
	f := leaseFacts{
		number: l.number, wanted: l.wantedAt, demand: l.req.Policy, open: l.group.open == l, guest: l.guest,
		shaking: l.shaking != nil, patient: l.over[forBetter], alone: l.over[forOthers],
		doubted: l.doubted, overdue: l.over[forProof], failed: l.failed, unheard: l.over[forAnother],
	}
	if l.state != waiting {
		f.number = 0
	}
	return f
}

func (c *candidate) facts() connFacts {
	f := connFacts{number: c.number, spoke: c.spoke, roaming: c.roaming, claim: c.claim, lease: none, shaking: c.shaking, full: c.full}
	if c.lease != nil && c.lease.state == waiting && c.lease.group == c.group {
		f.lease = c.lease.index
	} else if c.claim == claims {
		f.claim = foreign // its lease has ended
	}
	return f
}

// carryOut does with a connection what the rule says. The caller holds mu.
func (p *Ports) carryOut(c *candidate, v connVerdict, leases []*Lease) {
	switch v.do {
	case refuse:
		p.refuse(c, v.why)
	case shake:
		p.begin(leases[v.lease], c)
	case give:
		p.release(c)
		leases[v.lease].raw = !c.full
		p.connect(leases[v.lease], c.conn)
	}
}

// apply does with a lease what the rule says. The caller holds mu.
func (p *Ports) apply(l *Lease, v leaseVerdict) {
	switch {
	case v.end != nil:
		if v.end == ErrUnproven && l.lost != nil {
			v.end = l.lost
		} else if v.end == ErrAmbiguous && l.retired {
			v.end = ErrRetired
		}
		p.end(l, v.end)
		return
	case v.reset:
		l.failed, l.over[forAnother] = false, false
	}
	if v.doubt && !l.doubted {
		l.doubted = true
		p.dirty = append(p.dirty, l.group)
	}
	if v.contested {
		p.contest(l)
	}
	p.awaiting(l, v.wait)
}

// stop ends a wait of the rule that runs for the lease. The caller holds mu.
func (l *Lease) stop(w wait) {
	if l.timers[w] != nil {
		l.timers[w].Stop()
		l.timers[w] = nil
	}
}

// patience returns how long a wait of the rule lasts. The caller holds mu.
func (l *Lease) patience(w wait) time.Duration {
	switch {
	case w == forBetter:
		return betterWait
	case w == forOthers:
		return othersWait
	case w == forAnother && l.req.Policy.demands():
		return anotherWait
	}
	return proofWait
}

// awaiting starts a wait after which the rule is asked again, unless that wait runs or is over. The caller holds mu.
func (p *Ports) awaiting(l *Lease, w wait) {
	if w == 0 || l.over[w] || l.timers[w] != nil {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(l.patience(w), func() {
		p.mu.Lock()
		defer p.unlock()
		if l.timers[w] == t {
			l.over[w], l.timers[w] = true, nil
			p.dirty = append(p.dirty, l.group)
		}
	})
	l.timers[w] = t
}
