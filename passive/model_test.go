package passive

import (
	"cmp"
	"slices"
)

// A model of the lease table: two ports, a thief elsewhere, and behind a single address another thief and three
// sessions, of which two belong to one owner. The model has the state of the table without its times, goroutines and
// sockets, and asks the same pure functions, judge and group.fits. model_events_test.go says what can happen to it,
// model_table_test.go what the table does then, model_settle_test.go how verdicts are carried out. explore_test.go
// visits its states, and walk_test.go holds it against the real Ports. A comment such as "add is Ports.add" says which
// method of the table a method of the model stands for.
//
// The end of a wait is an event like others, so the exploration sees every order of events.

const (
	modelSessions = 3
	modelPorts    = 2
	modelConns    = 5
)

// Who makes connections, and whose tickets they show: below modelSessions it is a session's client.
const (
	thief   = modelSessions // at the address of the clients, or elsewhere
	nobody  = modelSessions // no ticket, or a dead one
	another = nobody + 1    // the ticket of a session that lives and has no lease
)

// modelOwners holds the owner of each session, and the thief's last: the thief's is nobody else's.
var modelOwners = [...]string{"A", "A", "B", "thief", "thief"}

// inClear is the policy of a session without a prover, to which whatever comes first belongs. The model leaves out the
// handshake of a session with the policy Waived.
const inClear = Waived

var modelPolicies = []ProofPolicy{Untested, Expected, Unlikely, Required, inClear}

type phase uint8

const (
	atRest phase = iota // no lease
	queued
	leased
	holding // it has a connection that was not asked for yet
)

// modelSession is a session and its lease. The fields mean what they mean in Lease.
type modelSession struct {
	phase                        phase
	port                         uint8
	policy                       ProofPolicy
	number, wanted               uint8
	open, guest, doubted, failed bool
	untested                     bool // Request.UntestedTickets
	unsure                       bool
	over, running                [forOthers + 1]bool // by wait
	lost                         waste
}

// waste says why a connection was of no use.
type waste uint8

const (
	noWaste waste = iota
	gone
	notProven
	notOurs
)

var losses = [...]error{noWaste: nil, gone: ErrGone, notProven: ErrUnproven, notOurs: ErrForeign}

// modelConn is a connection that nobody has yet. The fields mean what they mean in candidate.
type modelConn struct {
	id            uint8 // in walks
	by            uint8 // who made it
	ticket        uint8 // the session whose ticket it shows
	port          uint8
	number, spoke uint8
	claim         claim
	lease         int8 // the session's number, none without
	roaming       bool
	away          bool // in the group of its own address, which has no lease
	shaking, full bool
	sibling       bool
	byAccept      bool // its handshake is done by a call of Accept
	doomed        bool // its handshake has been ended; it is about to be turned away
	lapsed        bool // its lease has ended
	cut           bool // the turn of its handshake has a limit of time, since others wait
	aside         bool // its handshake goes on, but its turn is over
}

// modelState holds what the table knows.
type modelState struct {
	sessions [modelSessions]modelSession
	conns    [modelConns]modelConn // in order of arrival at their group
	n        uint8                 // of conns
	queue    [modelSessions]uint8
	waiters  uint8                           // in queue
	mixes    bool                            // A is known to use the proof of one session for another
	strikes  [2 + modelSessions]uint8        // of the clients' address, the thief's elsewhere, and the sessions
	recent   [modelPorts][modelSessions]bool // a session was told of a port in vain lately
}

// compress replaces the numbers by their ranks, port by port, since only their order matters.
func (s *modelState) compress() {
	for port := range uint8(modelPorts) {
		var all [2*modelSessions + 2*modelConns]*uint8
		used := all[:0]
		for i := range s.sessions {
			if l := &s.sessions[i]; l.phase == leased && l.port == port {
				used = append(used, &l.number, &l.wanted)
			}
		}
		for i := range s.conns[:s.n] {
			if c := &s.conns[i]; c.port == port {
				used = append(used, &c.number, &c.spoke)
			}
		}
		slices.SortFunc(used, func(a, b *uint8) int { return cmp.Compare(*a, *b) })
		rank, last := uint8(0), uint8(0)
		for _, n := range used {
			if *n > last {
				last = *n
				rank++
				*n = rank
			} else if *n != 0 {
				*n = rank
			}
		}
	}
}

// modelKey identifies a state together with all that differ from it only in the names of things that are alike.
type modelKey [modelSessions*8 + modelConns*6 + 6]byte

// key returns the least of a state's forms: with the sessions of A exchanged or not, and with the ports exchanged or
// not, as far as there are two of each.
func (s *modelState) key(in scope) modelKey {
	least := s.form(false, false)
	for _, exchanged := range [][2]bool{{false, true}, {true, false}, {true, true}} {
		if exchanged[0] && in.sessions == 1 || exchanged[1] && in.ports == 1 {
			continue
		}
		other := s.form(exchanged[0], exchanged[1])
		if slices.Compare(other[:], least[:]) < 0 {
			least = other
		}
	}
	return least
}

// form writes a state down, except for what changes no decision (names of connections, errors to come).
func (s *modelState) form(sessions, ports bool) (k modelKey) {
	who := func(n uint8) uint8 {
		if sessions && n < 2 {
			return 1 - n
		}
		return n
	}
	port := func(n uint8) uint8 {
		if ports {
			return 1 - n
		}
		return n
	}
	n := 0
	write := func(bytes ...uint8) { n += copy(k[n:], bytes) }
	for i := range uint8(modelSessions) {
		l := &s.sessions[who(i)]
		write(uint8(l.phase), port(l.port), uint8(l.policy), l.number, l.wanted,
			bits(l.open, l.guest, l.doubted, l.failed, l.untested, l.unsure),
			bits(l.over[1], l.over[2], l.over[3], l.over[4], l.running[1], l.running[2], l.running[3], l.running[4]), s.strikes[2+who(i)])
	}
	write(s.waiters)
	for i := range s.waiters {
		write(1 + who(s.queue[i]))
	}
	write(s.strikes[0]<<4|s.strikes[1], bits(s.mixes)|s.told(port(0), who)<<1|s.told(port(1), who)<<4)
	for _, away := range []bool{false, true} {
		for at := range uint8(modelPorts) {
			for i := range s.conns[:s.n] {
				if c := &s.conns[i]; c.away == away && port(c.port) == at {
					write(c.form(who, at)...)
				}
			}
		}
	}
	return k
}

// told returns a set of bits: the sessions that were told of a port in vain.
func (s *modelState) told(port uint8, who func(uint8) uint8) uint8 {
	r := &s.recent[port]
	return bits(r[who(0)], r[who(1)], r[who(2)])
}

func (c *modelConn) form(who func(uint8) uint8, port uint8) []uint8 {
	lease := uint8(modelSessions)
	if c.lease != none {
		lease = who(uint8(c.lease))
	}
	return []uint8{
		who(c.by)<<4 | who(c.ticket), port<<4 | lease, c.number, c.spoke, uint8(c.claim),
		bits(c.roaming, c.away, c.shaking, c.full, c.sibling, c.cut, c.aside, true),
	}
}

func bits(flags ...bool) (b uint8) {
	for i, set := range flags {
		if set {
			b |= 1 << i
		}
	}
	return b
}

// demands reports whether only proof counts for a lease.
func (l *modelSession) demands() bool { return l.policy != inClear && l.policy.demands() }
