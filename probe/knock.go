package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxKnocking bounds how long the probe waits for data ports that do not answer, beside its transfers.
const maxKnocking = 45 * time.Second

// knocks is what came of connecting to each data port that the server named.
type knocks struct {
	states  map[uint16]reached
	skipped int           // ports that were not tried, since too many did not answer
	waited  time.Duration // for those
}

// knock connects to a data port, once for each, while the server's offer stands: a rule or a port forward that covers
// half of a range shows in no other way. Nothing is sent.
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

// open returns the ports that could be connected to, dead the ports that could not.
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

// avoid reports whether a transfer had better ask for another port than this one.
func (k *knocks) avoid(port uint16) bool {
	s, known := k.states[port]
	return known && s.state != stateOpen && len(k.open()) > 0
}

// judgeKnocks tells of ports that are dead while others are open. When all are dead the first transfer says so.
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
