package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxKnocking bounds the time that the probe spends, besides transfers, waiting for data ports that don't answer.
const maxKnocking = 45 * time.Second

// knocks holds the results of connecting to each data port that the server has named.
type knocks struct {
	states  map[uint16]reached
	skipped int           // ports that were left out, since too many did not answer
	waited  time.Duration // time spent on ports that did not answer
}

// knock connects to a data port, unless it has before, while the server expects a connection there. Only so does a
// rule or a port forward show that covers half of the range. It sends nothing.
func (r *run) knock(o offer) {
	k := &r.knocks
	if _, known := k.states[o.port]; known {
		return
	}
	if k.waited >= maxKnocking {
		k.skipped++
		return
	}
	began := time.Now()
	conn, err := r.dialWithin(r.target(o).addr, o.port, r.patience())
	if err == nil {
		conn.Close()
	} else {
		k.waited += time.Since(began)
	}
	if k.states == nil {
		k.states = make(map[uint16]reached)
	}
	k.states[o.port] = reached{stateOf(err), err}
}

// open returns the ports that could be connected to, and dead the others.
func (k *knocks) open() []uint16 { return k.in(func(s state) bool { return s == stateOpen }) }
func (k *knocks) dead() []uint16 { return k.in(func(s state) bool { return s != stateOpen }) }

func (k *knocks) in(want func(state) bool) (ports []uint16) {
	for port, s := range k.states {
		if want(s.state) {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}

// avoid reports whether a transfer should ask for another port, since this one is dead and others are open.
func (k *knocks) avoid(port uint16) bool {
	s, known := k.states[port]
	return known && s.state != stateOpen && len(k.open()) > 0
}

// judgeKnocks makes a finding if ports are dead while others are open. If all are dead, the first transfer shows
// that.
func (r *run) judgeKnocks(c *control) {
	open, dead := r.knocks.open(), r.knocks.dead()
	if len(open)+len(dead) > 0 {
		r.fact(c.port, "data ports tried", "%d open, %d not, %d left out", len(open), len(dead), r.knocks.skipped)
	}
	if len(open) == 0 || len(dead) == 0 {
		return
	}
	var texts []string
	for _, port := range dead {
		texts = append(texts, fmt.Sprintf("%d %s", port, r.knocks.states[port].state))
	}
	r.find(c.port, PortsDead, "of %d ports that the server named %d are open and these are not: %s",
		len(open)+len(dead), len(open), strings.Join(texts, ", "))
}
