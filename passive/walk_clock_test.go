package passive

import (
	"math"
	"slices"
	"time"
)

// walkClock adds to the model the times that the model lacks, as the table measures them: what is due, and when.
type walkClock struct {
	due   []alarm
	armed [modelSessions]time.Time // leases
	since [modelSessions]time.Time // waiters
	moved time.Time                // see queue
}

// alarm is an event to come. A connection is known by its id, since it moves in the model's list.
type alarm struct {
	what happening
	a, b uint8 // as in event, but for a connection's id
	conn uint8
	at   time.Time
}

// looks is the event that a waiter's timer is over, for which the model has several events.
const looks = forgets + 1

func (c *walkClock) set(a alarm) {
	c.drop(a)
	c.due = append(c.due, a)
}

// sooner sets an alarm unless it is set to an earlier time.
func (c *walkClock) sooner(a alarm) {
	for _, old := range c.due {
		if old.same(a) && old.at.Before(a.at) {
			return
		}
	}
	c.set(a)
}

func (c *walkClock) unlessSet(a alarm) {
	if !c.has(a) {
		c.set(a)
	}
}

func (a alarm) same(b alarm) bool {
	a.at = b.at
	return a == b
}

func (c *walkClock) drop(a alarm) { c.due = slices.DeleteFunc(c.due, a.same) }

func (c *walkClock) has(a alarm) bool { return slices.ContainsFunc(c.due, a.same) }

// next returns when something is due, and what.
func (c *walkClock) next() (at time.Time, all []alarm) {
	for _, a := range c.due {
		switch {
		case len(all) > 0 && a.at.After(at):
		case len(all) > 0 && a.at.Equal(at):
			all = append(all, a)
		default:
			at, all = a.at, []alarm{a}
		}
	}
	return at, all
}

// follow notes what the last event of a model means for the times to come.
func (c *walkClock) follow(m *model, now time.Time) {
	for i := range m.effects {
		c.note(&m.effects[i], now)
	}
	for i := range c.due {
		if a := &c.due[i]; a.what == silenced && !m.silent(a.conn) || a.what == breaks && !m.shakes(a.conn) || a.what == yields && !m.hasTurn(a.conn) {
			a.at = time.Time{}
		}
	}
	c.due = slices.DeleteFunc(c.due, func(a alarm) bool { return a.at.IsZero() })
	if m.waiters == 0 {
		c.moved = time.Time{}
	}
	for s := range uint8(modelSessions) {
		if look := (alarm{what: looks, a: s}); m.sessions[s].phase != queued {
			c.drop(look)
		} else if !c.has(look) {
			c.since[s] = now
			c.recheck(m, s, now, now)
		}
	}
}

func (m *model) silent(id uint8) bool {
	return slices.ContainsFunc(m.conns[:m.n], func(c modelConn) bool { return c.id == id && c.claim == silent })
}

func (m *model) shakes(id uint8) bool {
	return slices.ContainsFunc(m.conns[:m.n], func(c modelConn) bool { return c.id == id && c.shaking })
}

func (m *model) hasTurn(id uint8) bool {
	return slices.ContainsFunc(m.conns[:m.n], func(c modelConn) bool { return c.id == id && c.shaking && !c.aside && c.lease != none })
}

func (c *walkClock) note(e *effect, now time.Time) {
	hello := defaultTTL
	if e.asked {
		hello = defaultHello
	}
	switch e.kind {
	case leaseGranted:
		c.armed[e.who] = now
		c.set(alarm{what: expires, a: e.who, at: now.Add(defaultTTL)})
	case leaseEnded, connGiven:
		for _, what := range []happening{expires, bettered} {
			c.due = slices.DeleteFunc(c.due, func(a alarm) bool { return a.what == what && a.a == e.who })
		}
	case waitStarted:
		l := &Lease{req: Request{Policy: e.lease.policy}}
		c.set(alarm{what: bettered, a: e.who, b: uint8(e.wait), at: now.Add(l.patience(e.wait))})
	case waitStopped:
		c.drop(alarm{what: bettered, a: e.who, b: uint8(e.wait)})
	case helloBounded:
		c.set(alarm{what: silenced, conn: e.conn.id, at: now.Add(hello)})
	case shakeLimited:
		c.set(alarm{what: yields, conn: e.conn.id, at: now.Add(turn)})
	case shakeLingers:
		c.sooner(alarm{what: breaks, conn: e.conn.id, at: now.Add(lingering)})
	case portWasted:
		c.set(alarm{what: forgets, a: e.port, b: e.who, at: now.Add(recentFor)})
	case claimStruck:
		c.unlessSet(alarm{what: forgives, a: bit(e.conn.roaming), at: now.Add(strikeFor + 1)})
		if !e.conn.roaming {
			c.unlessSet(alarm{what: forgives, a: 2 + uint8(e.conn.lease), at: now.Add(sessionStrikeFor + 1)})
		}
	case queueMoved:
		if e.asked {
			c.moved = now
		}
	}
}

// recheck sets the time at which a waiter looks again, as Ports.nextLook does.
func (c *walkClock) recheck(m *model, s uint8, still, now time.Time) {
	next := min(c.giveUp(m, s, still, now).Sub(now), c.stale(m, now))
	after := m.sharesAfter(s)
	join := still.Add(after).Sub(now)
	if join <= 0 {
		join = after
	}
	c.set(alarm{what: looks, a: s, at: now.Add(max(min(next, join), 0))})
}

// stale is Ports.untilRetire.
func (c *walkClock) stale(m *model, now time.Time) time.Duration {
	next := time.Duration(math.MaxInt64)
	for s := range uint8(modelSessions) {
		if m.unused(s) {
			next = min(next, max(c.armed[s].Add(staleAfter).Sub(now), 0))
		}
	}
	return next
}

// giveUp is Ports.busyAt.
func (c *walkClock) giveUp(m *model, s uint8, still, now time.Time) time.Time {
	patience := defaultWait
	if next := c.stale(m, now); next < math.MaxInt64 {
		patience = max(patience, min(now.Add(next).Sub(still), patience+staleAfter))
	}
	return earlier(still.Add(patience), c.since[s].Add(waitLimit))
}

// sharesAfter is Ports.sharesAfter.
func (m *model) sharesAfter(s uint8) time.Duration {
	if m.sessions[s].demands() {
		return joinAfter
	}
	return defaultWait / 2
}

// looked is Ports.recheck. choice picks between ports where chance does.
func (c *walkClock) looked(m *model, s uint8, now time.Time, choice uint8) {
	c.drop(alarm{what: looks, a: s})
	for other := range uint8(modelSessions) {
		if choice == 1 {
			other = modelSessions - 1 - other
		}
		if m.unused(other) && now.Sub(c.armed[other]) >= staleAfter {
			m.happen(event{what: stales, a: other})
			c.followLook(m, s, now)
		}
	}
	if m.sessions[s].phase != queued {
		return
	}
	still := c.since[s]
	if c.moved.After(still) {
		still = c.moved
	}
	if now.Sub(still) >= m.sharesAfter(s) {
		for _, port := range []uint8{choice, 1 - choice} {
			if m.sessions[s].phase == queued {
				m.happen(event{what: shares, a: s, b: port})
				c.followLook(m, s, now)
			}
		}
		if m.sessions[s].phase != queued {
			return
		}
	}
	if !now.Before(c.giveUp(m, s, still, now)) {
		m.happen(event{what: despairs, a: s, b: choice})
		c.follow(m, now)
		return
	}
	c.recheck(m, s, still, now)
}

// followLook follows an event in the middle of looked, and keeps the time since which the waiter has waited.
func (c *walkClock) followLook(m *model, s uint8, now time.Time) {
	since := c.since[s]
	c.follow(m, now)
	c.since[s] = since
}
