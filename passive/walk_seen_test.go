package passive

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"time"
)

// seen returns the state of the real table as a state of the model.
func (w *walk) seen() (s modelState) {
	p := w.ports
	p.mu.Lock()
	defer p.mu.Unlock()
	w.seeLeases(&s)
	w.seeConns(&s)
	for _, q := range p.queues {
		for _, waiter := range q.waiters {
			s.queue[s.waiters] = waiter.req.Session[0] - '0'
			s.waiters++
		}
	}
	s.mixes = p.mixers.has(owner{w.prover, "A"})
	for i, addr := range []net.Addr{w.addr(false), w.addr(true)} {
		if k := p.strikes[network(addrOf(addr))]; !time.Now().After(k.until) {
			s.strikes[i] = uint8(min(k.n, maxStrikes+1))
		}
	}
	for i := range s.sessions {
		if k := p.sessionStrikes[identity{w.prover, strconv.Itoa(i)}]; !time.Now().After(k.until) {
			s.strikes[2+i] = uint8(min(k.n, maxStrikes+1))
		}
	}
	for port := range s.recent {
		for i := range s.recent[port] {
			told := sessionSlot{slot{local, walkPort + uint16(port)}, identity{w.prover, strconv.Itoa(i)}}
			s.recent[port][i] = p.recentSessions.has(told, time.Now())
		}
	}
	return s
}

func (w *walk) seeLeases(s *modelState) {
	for i := range s.sessions {
		l := w.leases[i]
		if l == nil {
			if w.asking[i] != nil {
				s.sessions[i] = modelSession{phase: queued, policy: w.policy[i], untested: w.untested[i]}
			}
			continue
		}
		switch l.state {
		case waiting:
			s.sessions[i] = l.seen()
			if l.req.Identity == "" {
				s.sessions[i].policy = inClear
			}
		case connected:
			s.sessions[i].phase = holding
		}
	}
}

func (l *Lease) seen() modelSession {
	s := modelSession{
		phase: leased, port: uint8(l.door.at.n - walkPort), policy: l.req.Policy, open: l.group.open == l, guest: l.guest, untested: l.req.UntestedTickets,
		doubted: l.doubted, failed: l.failed, unsure: l.unsure,
		number: w8(l, l.number), wanted: w8(l, l.wantedAt),
	}
	for w := forBetter; w <= forOthers; w++ {
		s.over[w], s.running[w] = l.over[w], l.timers[w] != nil
	}
	return s
}

// w8 returns the rank of a number among those of a door, as modelState.compress makes it.
func w8(l *Lease, n uint64) uint8 { return l.door.rank(n) }

func (d *door) rank(n uint64) uint8 {
	if n == 0 {
		return 0
	}
	var all []uint64
	for _, g := range d.groups {
		for _, l := range g.leases {
			all = append(all, l.number, l.wantedAt)
		}
		for _, c := range g.arrived {
			all = append(all, c.number, c.spoke)
		}
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(n uint64) bool { return n == 0 })
	i, _ := slices.BinarySearch(all, n)
	return uint8(i + 1)
}

func (w *walk) seeConns(s *modelState) {
	doors := make([]*door, 0, modelPorts)
	for _, d := range w.ports.doors {
		doors = append(doors, d)
	}
	slices.SortFunc(doors, func(a, b *door) int { return cmp.Compare(a.at.n, b.at.n) })
	for _, d := range doors {
		for _, key := range []net.Addr{w.addr(false), w.addr(true)} {
			g := d.groups[addrOf(key)]
			if g == nil {
				continue
			}
			for _, c := range g.arrived {
				s.conns[s.n] = w.seenConn(c)
				s.n++
			}
		}
	}
}

func (w *walk) seenConn(c *candidate) modelConn {
	id := w.ids[c.conn]
	m := modelConn{
		id: id, by: w.conns[id].by, ticket: w.conns[id].ticket, port: uint8(c.group.door.at.n - walkPort),
		number: c.group.door.rank(c.number), spoke: c.group.door.rank(c.spoke), claim: c.claim, lease: none,
		roaming: c.roaming, away: c.group.key == eve, shaking: c.shaking, full: c.full, sibling: c.sibling,
		aside: c.shaking && c.lease.shaking != c,
	}
	if c.lease != nil && c.lease.state == waiting {
		m.lease = int8(c.lease.req.Session[0] - '0')
	} else if c.claim == claims {
		m.claim = foreign
	}
	return m
}
