package passive

import (
	"fmt"
	"testing/synctest"
	"time"
)

// pause returns a time between two events, mostly a very short one. No two sums of pauses
// are alike.
func (w *walk) pause() time.Duration {
	longest := []time.Duration{0: 40 * time.Second, 1: 12 * time.Second, 2: 3 * time.Second, 3: time.Second, 9: 0}
	return time.Duration(1 + w.rand.Int64N(int64(max(longest[w.rand.IntN(len(longest))], time.Millisecond))))
}

// pass lets time pass, and everything happen that is due in it.
func (w *walk) pass(d time.Duration) {
	until := time.Now().Add(d)
	for {
		at, all := w.clock.next()
		if len(all) == 0 || at.After(until) {
			break
		}
		time.Sleep(time.Until(at))
		w.fire(all)
	}
	time.Sleep(time.Until(until))
}

var walkScope = scope{sessions: modelSessions, ports: modelPorts, conns: modelConns, policies: modelPolicies, away: true, accepting: true, untested: true}

// fireDue fires what has become due at this very moment.
func (c *walkClock) fireDue(m *model, now time.Time, choice uint8) {
	for range 10 {
		at, all := c.next()
		if len(all) == 0 || at.After(now) {
			return
		}
		c.fire(m, all[0], now, choice)
	}
}

// fire has the model do what is due now, which the real table has done by itself.
func (w *walk) fire(all []alarm) {
	synctest.Wait()
	now := time.Now()
	var ways []func(m *model, c *walkClock)
	for _, order := range orders(all) {
		for choice := range uint8(modelPorts) {
			ways = append(ways, func(m *model, c *walkClock) {
				for _, a := range order {
					c.fire(m, a, now, choice)
				}
				c.fireDue(m, now, choice)
			})
		}
	}
	w.past = append(w.past, fmt.Sprintf("%v due: %v", now.Format("05.000"), all))
	w.agree(ways...)
}

func (c *walkClock) fire(m *model, a alarm, now time.Time, choice uint8) {
	if !c.has(a) {
		return // another event of this moment has taken it away
	}
	if a.what == looks {
		c.looked(m, a.a, now, choice)
		return
	}
	c.drop(a)
	e := event{what: a.what, a: a.a, b: a.b}
	if a.what == silenced || a.what == breaks || a.what == yields {
		for i := range m.conns[:m.n] {
			if m.conns[i].id == a.conn {
				e.a = uint8(i)
			}
		}
	}
	m.happen(e)
	c.follow(m, now)
}

// orders returns the orders in which events of one moment may have happened.
func orders(all []alarm) (ways [][]alarm) {
	if len(all) == 1 || len(all) > 4 {
		return [][]alarm{all}
	}
	for i := range all {
		var rest []alarm
		rest = append(append(rest, all[:i]...), all[i+1:]...)
		for _, way := range orders(rest) {
			ways = append(ways, append([]alarm{all[i]}, way...))
		}
	}
	return ways
}
