package passive

import (
	"errors"
	"math"
)

// The rule of shared ports decides which connection is given to which lease, which is refused and which waits. It is a
// pure function (judge) of what is known of one port and one client address, since other addresses concern nobody
// there. The rule reads no clock: that a time has passed is among the facts. judge_test.go audits it case by case,
// and explore_test.go in all states that it can get into.
//
// Only proof releases data. A claim (a ticket shown) gives a connection the right to a handshake and nothing more. A
// connection without proof is served in one case: the lease may do without proof, no second connection without proof is
// there, and nobody else can be meant. Neither strays nor silence nor failed claims make a lease do without proof that
// its session has given before.

// facts is what the rule knows of one port and one client address.
type facts struct {
	leases []leaseFacts
	conns  []connFacts
}

// leaseFacts is what the rule knows of an unconnected lease.
type leaseFacts struct {
	number  uint64 // when the client could first have heard of the lease, in the order of connections; 0 before
	wanted  uint64 // when its transfer was asked for, in the order of connections; 0 before
	demand  ProofPolicy
	open    bool // the one lease here that a connection without proof may be for
	guest   bool // shares the port after a vain wait for one of its own; the client may fail to prove itself
	shaking bool // a handshake on its behalf is under way whose turn is not over
	alone   bool // forOthers is over: others had their time to ask for the connection without proof
	patient bool // forBetter is over: no better connection came than the one without proof
	doubted bool // connections without proof came that may be anybody's, so that only proof counts from now on
	overdue bool // forProof is over: no proof came after the lease was doubted
	failed  bool // a claim to it from its client's address has failed
	unheard bool // forAnother is over: no other connection came after the failed claim
}

// connFacts is what the rule knows of a connection that nobody has yet. Those that come from other addresses are here
// once they claim a lease of this one.
type connFacts struct {
	number  uint64 // order of arrival
	spoke   uint64 // when its claim became known, in the order of arrival; 0 before
	roaming bool   // it comes from another address than the control connection
	claim   claim
	lease   int // the lease claimed, or the lease that a handshake was done for; none without
	shaking bool
	full    bool // its handshake is done and proved nothing
}

const none = -1

// claim is what a connection has said of the session that it is for.
type claim uint8

const (
	silent   claim = iota // nothing yet
	unproven              // nothing that counts
	claims                // a lease of this address on this port
	foreign               // another session
)

// deed is what is to be done with a connection, as judge decides.
type deed uint8

const (
	keep   deed = iota // it waits
	refuse             // it is closed, see why
	shake              // its handshake is to be done on behalf of a lease
	give               // it is a lease's, without proof
)

// verdict is what the rule says, for each lease and each connection.
type verdict struct {
	conns  []connVerdict
	leases []leaseVerdict
}

type connVerdict struct {
	do    deed
	lease int   // for shake and give
	why   error // for refuse
}

type leaseVerdict struct {
	end       error // the lease ends with it
	doubt     bool  // it is doubted from now on
	reset     bool  // its failed claim counts no more: another connection has come
	wait      wait  // start this time unless running or over
	contested bool  // others wait for the turn of its handshake to be over
}

// wait is the reason for a wait of the rule, 0 for none. How long each lasts is in patience.
type wait uint8

const (
	forBetter  wait = iota + 1 // a better connection than one without proof; over: patient
	forProof                   // proof, once it is doubted and wanted; over: overdue
	forAnother                 // another connection, after a failed claim to a wanted lease; over: unheard
	forOthers                  // others that a connection may be for have time to ask for it; over: alone
)

// Why a connection is refused.
var (
	errOtherSession = errors.New("it proves to be of a session without a lease on this port")
	errRoams        = errors.New("it comes from another address than the control connection and proves nothing")
	errShared       = errors.New("it proves nothing, and several sessions wait for theirs on this port")
	errEarly        = errors.New("it proves nothing, and no lease was there for it")
	errNeeded       = errors.New("it proves nothing, and its session has to")
	errSecond       = errors.New("another one from the same address proves nothing either")
)

// judge decides about every connection and lease of f, and overwrites v with the verdict. Claims from the client's own
// address get their turns first, then the connections without proof are judged, then claims from elsewhere get theirs.
func judge(f facts, v *verdict) {
	*v = verdict{conns: resized(v.conns, len(f.conns)), leases: resized(v.leases, len(f.leases))}
	f.proofFirst(v, false)
	f.withoutProof(v)
	f.proofFirst(v, true)
	for i := range f.leases {
		f.endings(v, i)
	}
}

// resized returns n zero values, in the memory of s if that is enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// proofFirst lines up the connections that claim a lease, for one handshake in each turn, in order of arrival: with
// roaming the connections from other addresses, else those from the client's own. It refuses connections that claim a
// session without a lease here.
func (f *facts) proofFirst(v *verdict, roaming bool) {
	for i, c := range f.conns {
		if c.roaming != roaming || c.shaking || c.full {
			continue
		}
		switch c.claim {
		case foreign:
			v.conns[i] = connVerdict{do: refuse, why: errOtherSession}
		case claims:
			v.conns[i] = f.line(v, i)
		}
	}
}

// line gives a connection that claims a lease its turn for the handshake, or has the connection wait for the turn.
func (f *facts) line(v *verdict, i int) connVerdict {
	l := f.conns[i].lease
	if !f.leases[l].shaking && !taken(v, l) {
		return connVerdict{do: shake, lease: l}
	}
	v.leases[l].contested = true
	return connVerdict{}
}

// taken reports whether the verdict so far gives a lease to a connection, or gives a connection a handshake for the
// lease.
func taken(v *verdict, lease int) bool {
	for _, c := range v.conns {
		if (c.do == shake || c.do == give) && c.lease == lease {
			return true
		}
	}
	return false
}

// withoutProof judges the connections that have sent their first bytes and proved nothing.
func (f *facts) withoutProof(v *verdict) {
	open, guests := f.open()
	var able []int
	early := 0
	for i, c := range f.conns {
		if c.shaking || c.claim != unproven && !c.full {
			if c.shaking && c.claim == unproven && c.lease == open {
				early++
			}
			continue
		}
		if l := f.asks(i, guests); l != none {
			f.notOthers(v, l, i)
			continue
		}
		v.conns[i] = f.mayBe(v, c, open, guests)
		if v.conns[i].do == keep {
			able = append(able, i)
		}
	}
	if open == none {
		return
	}
	if len(able)+early > 1 {
		// At most one of them is the client's, and nothing tells which.
		for _, i := range able {
			v.conns[i] = connVerdict{do: refuse, why: errSecond}
		}
		v.leases[open].doubt = true
		return
	}
	if len(able) == 1 {
		f.judgeOnly(v, open, able[0], guests)
	}
}

// open returns the lease that a connection without proof may be for, or none, and the number from which on a connection
// may also be a guest's.
func (f *facts) open() (open int, guests uint64) {
	open, guests = none, math.MaxUint64
	for i, l := range f.leases {
		switch {
		case l.open:
			open = i
		case l.guest && l.number > 0:
			guests = min(guests, l.number)
		}
	}
	return open, guests
}

// mayBe reports whether a connection without proof may be the open lease's. If it can't be, mayBe has it refused.
func (f *facts) mayBe(v *verdict, c connFacts, open int, guests uint64) connVerdict {
	no := func(why error) connVerdict { return connVerdict{do: refuse, why: why} }
	switch {
	case c.roaming:
		return no(errRoams)
	case c.number > guests:
		f.doubt(v, guests)
		return no(errShared)
	case open == none || f.leases[open].demand.demands() || c.full && c.lease != open:
		return no(errNeeded)
	case f.leases[open].doubted:
		return no(errShared)
	case f.leases[open].number == 0 || c.number < f.leases[open].number:
		// The connection was there before the lease, and can't have been made for that.
		return no(errEarly)
	}
	return connVerdict{}
}

// asks returns the lease that a connection without proof is for after guests have come: the only one, among the leases
// that the connection may be for, whose transfer has been asked for. It returns none if there is no such lease, if
// there are several, or if another connection has come that proves nothing either.
func (f *facts) asks(conn int, guests uint64) int {
	c := f.conns[conn]
	if c.roaming || c.number < guests || f.another(conn, guests) {
		return none
	}
	one := none
	for i := range f.leases {
		if f.mayServe(i, c, guests) && f.leases[i].wanted != 0 {
			if one != none {
				return none
			}
			one = i
		}
	}
	if one == none || c.full && c.lease != one {
		return none
	}
	return one
}

// another reports whether one more connection has come after guests that proves nothing.
func (f *facts) another(conn int, guests uint64) bool {
	for i, c := range f.conns {
		if i != conn && !c.roaming && c.number > guests && (c.claim == unproven || c.full) {
			return true
		}
	}
	return false
}

// mayServe reports whether a connection without proof that came after guests may be a lease's.
func (f *facts) mayServe(lease int, c connFacts, guests uint64) bool {
	l := f.leases[lease]
	switch {
	case l.number == 0 || l.number > c.number || l.doubted || l.demand.demands():
		return false
	case l.open:
		return !f.hasEarly(lease, guests)
	}
	return l.guest
}

// notOthers gives a connection without proof to the one lease that has asked, unless other leases to which the
// connection may belong ask within a few seconds. Leases that have not asked have had their time, and are good for
// proof only from then on.
func (f *facts) notOthers(v *verdict, lease, conn int) {
	guests := f.guests()
	switch {
	case f.claimed(lease, false):
		// Proof comes first.
	case !f.leases[lease].alone:
		v.leases[lease].wait = forOthers
	default:
		v.conns[conn] = connVerdict{do: give, lease: lease}
		for i := range f.leases {
			v.leases[i].doubt = v.leases[i].doubt || i != lease && f.mayServe(i, f.conns[conn], guests)
		}
	}
}

func (f *facts) guests() uint64 {
	_, guests := f.open()
	return guests
}

// doubt marks the guests, and the open lease unless its connection has come already: a connection without proof has
// come that may be for any of them.
func (f *facts) doubt(v *verdict, guests uint64) {
	for i, l := range f.leases {
		if l.number > 0 && (l.guest || l.open && !f.hasEarly(i, guests)) {
			v.leases[i].doubt = true
		}
	}
}

// hasEarly reports whether a connection has come that can only be the open lease's: it was there before any guest was
// told of the port.
func (f *facts) hasEarly(open int, guests uint64) bool {
	for _, c := range f.conns {
		if !c.roaming && f.leases[open].number < c.number && c.number < guests && (c.claim == silent || c.claim == unproven || c.lease == open) {
			return true
		}
	}
	return false
}

// judgeOnly judges the only connection without proof that may be the open lease's.
func (f *facts) judgeOnly(v *verdict, open, i int, guests uint64) {
	l, c := f.leases[open], f.conns[i]
	elsewhere := f.claimed(open, true)
	switch {
	case f.claimed(open, false):
		// Proof comes first.
	case l.wanted == 0 && c.full:
	case l.wanted == 0 && l.shaking:
		v.leases[open].contested = elsewhere
	case l.wanted == 0:
		// Some clients send no command before the handshake on the data connection is done (aioftp, axel). A handshake
		// releases no data: nothing is lost if another connection, silent yet, is the client's.
		v.conns[i] = connVerdict{do: shake, lease: open}
	case !l.patient && (f.expects(l, c) || f.silence(open, guests) || elsewhere):
		// A claim from elsewhere is waited for once only, since whoever has seen a ticket can claim the lease again and
		// again.
		v.leases[open].wait, v.leases[open].contested = forBetter, elsewhere
	default:
		v.conns[i] = connVerdict{do: give, lease: open}
	}
}

// expects reports whether a better connection than c, which proves nothing, is likely to follow: nothing is known of
// the session, and c spoke before its transfer was asked for. Clients that prove nothing (lftp, Python, Java) speak
// only after the reply to their command, and a thief does not know when that comes.
func (f *facts) expects(l leaseFacts, c connFacts) bool {
	return l.demand == Untested && c.spoke < l.wanted
}

// silence reports whether another connection that may be the open lease's has said nothing yet.
func (f *facts) silence(open int, guests uint64) bool {
	for _, c := range f.conns {
		if c.claim == silent && !c.roaming && f.leases[open].number < c.number && c.number < guests {
			return true
		}
	}
	return false
}

// claimed reports whether a connection claims a lease whose handshake is still to be done, or under way: one from the
// client's own address, or from elsewhere.
func (f *facts) claimed(lease int, roaming bool) bool {
	for _, c := range f.conns {
		if c.claim == claims && c.lease == lease && !c.full && c.roaming == roaming {
			return true
		}
	}
	return false
}

// endings ends two kinds of leases before their time: a doubted lease for which no proof comes, and a lease whose
// client has tried to prove itself, has failed and does not try again.
func (f *facts) endings(v *verdict, i int) {
	l, r := f.leases[i], &v.leases[i]
	doubted := (l.doubted || r.doubt) && !l.demand.demands()
	if !doubted && !l.failed {
		return // without a look at all connections: there may be hundreds of leases
	}
	if l.wanted == 0 || taken(v, i) || r.wait == forBetter || r.wait == forOthers {
		return
	}
	pending := f.claimed(i, false) || f.claimed(i, true)
	switch {
	case doubted && !pending:
		if l.overdue {
			r.end = ErrAmbiguous
		} else {
			r.wait = forProof
		}
	case !l.failed:
	case pending || f.hasSilent():
		r.reset = l.unheard
	case l.unheard:
		r.end = ErrUnproven
	default:
		r.wait = forAnother
	}
}

// hasSilent reports whether a connection from the client's own address has said nothing yet and may still prove itself.
func (f *facts) hasSilent() bool {
	for _, c := range f.conns {
		if !c.roaming && c.claim == silent {
			return true
		}
	}
	return false
}
