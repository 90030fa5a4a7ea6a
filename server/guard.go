package server

import (
	"crypto/sha256"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// guard decides which login is judged next and when. Thereby guessing passwords gets
// slower, reconnecting or hanging up does not help (RFC 2577, section 5), and nobody
// waits for somebody else's guesses. The guard is told the time and never waits;
// judge does the waiting.
//
// The guard counts refusals by network (see network) and by pair: a network and a
// user. A pair waits longer after each refusal. A network may have one refusal every
// refusalRate, and two at once. Refusals of a region count for the order only. A user
// who logged in from the network within a day passes the limits of the network, so
// that one program with an old password locks out nobody else behind its NAT. Where
// addresses are hidden (anyNetwork) only pairs count, in effect users. A login does
// not take back the refusals of its pair: the user's own program may have logged in,
// while a guesser on the same network goes on.
//
// The guard's memory has a bound whoever fills it. The zero value is ready.
type guard struct {
	networks records
	regions  records
	pairs    records
	known    map[guessKey]time.Time // pairs, and when each logged in last
	waiting  []*guess               // in the order they came
	judging  int
	slow     int // guesses being judged that are slow
	turns    int
}

// guess is one attempt to log in, from the moment it lines up until it is judged.
type guess struct {
	network, pair *record
	region        *record       // counts for the order only
	known         bool          // the user logged in from this network within a day
	exempt        bool          // from the limits of the network: known is true, or the network is hidden
	fails         int           // refusals in the same session
	ready         chan struct{} // closed when the guess may be judged
	slow          bool          // no longer counts towards the places
	over          bool          // was judged
	refused       time.Time     // when the guess was refused
	previous      time.Time     // when the pair was refused the time before
}

// verdict is the result of judging a guess.
type verdict int

const (
	undecided verdict = iota // the backend was out of order, which proves no guess
	accepted
	refused
)

const (
	knownFor = 24 * time.Hour
	maxKnown = 1 << 16

	firstDelay   = 500 * time.Millisecond
	longestDelay = 8 * time.Second
	// knownRest is how long after its last turn a known user goes before strangers
	// again.
	knownRest = 200 * time.Millisecond
	// knownDelay takes the place of longestDelay for a known pair: a user whose
	// own program has an old password must find a gap.
	knownDelay = time.Second

	refusalRate = time.Second / 10
	atOnce      = 2

	// oldestEach gives one turn in so many to the guess that has waited longest.
	oldestEach = 8
	// slowPlaces bounds how many guesses are judged at once, slow ones included, for
	// each place.
	slowPlaces = 16
	// mostCounted is the number of refusals from which on more of them no longer
	// matter to the order.
	mostCounted = 16
)

// begin makes the guard's memory.
func (g *guard) begin() {
	if g.known == nil {
		g.known = make(map[guessKey]time.Time)
		g.networks, g.regions, g.pairs = make(records), make(records), make(records)
	}
}

// guessKey stands for a network, and a user on it, since names from outside may be long. It is
// the same in all processes, and nobody can find a name that has the key of another.
type guessKey [16]byte

func keyOf(from netip.Prefix, user string) guessKey {
	text, _ := from.AppendText(nil)
	sum := sha256.Sum256(append(append(text, 0), user...))
	return guessKey(sum[:])
}

// ask lines up a guess. Call drop or, after start, done for each.
func (g *guard) ask(from netip.Prefix, user string, fails int, now time.Time) *guess {
	g.begin()
	pair := keyOf(from, strings.ToLower(user)) // many backends take names without regard to case
	last, known := g.known[pair]
	w := &guess{
		network: g.networks.hold(keyOf(from, ""), now),
		region:  g.regions.hold(keyOf(region(from), ""), now),
		pair:    g.pairs.hold(pair, now),
		known:   known && now.Sub(last) <= knownFor,
		fails:   fails,
		ready:   make(chan struct{}),
	}
	w.exempt = w.known || from == anyNetwork
	g.waiting = append(g.waiting, w)
	return w
}

// next returns the guess to start now, or nil and when to look again. The zero time
// means that nothing can start before a guess lines up or is done. places is how many
// guesses may be judged at once.
//
// The guess with the fewest refusals goes first, which makes the order fair between
// networks: a guesser waits for everybody else. Among guesses with equally many, the
// pair whose last turn is longest ago goes first, so that users take turns however
// often each comes. Among equals the latest and the oldest take turns. If always the
// oldest went first, guessers who line up by the hundred would delay whoever comes
// after them; if always the latest did, guessers who come anew, each from an address
// of its own, would delay whoever waits. So a wait among equals is no longer than
// twice the line at its beginning. One turn in eight goes to the oldest of all.
func (g *guard) next(now time.Time, places int) (w *guess, again time.Time) {
	if g.judging-g.slow >= places || g.judging/slowPlaces >= places {
		return nil, time.Time{}
	}
	oldest, latest := g.turns%oldestEach == oldestEach-1, g.turns%2 == 0
	for _, c := range g.waiting {
		switch at, ok := c.due(); {
		case !ok:
		case at.After(now):
			if again.IsZero() || at.Before(again) {
				again = at
			}
		case w == nil || !oldest && (c.before(w, now) || latest && !w.before(c, now)):
			w = c
		}
	}
	return w, again
}

// due returns when the guess may be judged. false means that it may not be judged
// before another guess is done.
func (w *guess) due() (time.Time, bool) {
	pair, longest := atOnce, longestDelay
	if w.pair.refusals > 0 {
		pair = 1
	}
	if w.known {
		longest = knownDelay
	}
	switch {
	case w.pair.judging >= pair, !w.exempt && w.network.judging >= atOnce:
		return time.Time{}, false
	}
	at := w.pair.last.Add(delay(w.pair.refusals, longest))
	if rate := w.network.full.Add(-(atOnce - 1) * refusalRate); !w.exempt && rate.After(at) {
		at = rate
	}
	return at, true
}

// before reports whether guess w is judged before guess c, whatever their places in the
// line.
func (w *guess) before(c *guess, now time.Time) bool {
	a, b := w.suspicion(now), c.suspicion(now)
	switch {
	case a != b:
		return a < b
	case !w.pair.began.Equal(c.pair.began):
		return w.pair.began.Before(c.pair.began)
	}
	return w.fails < c.fails
}

// suspicion returns the number by which guesses are ordered, lowest first. A known
// user does not answer for the network, and goes before strangers unless the user's
// last turn was just now: somebody who has an account and logs in over and over must
// not keep strangers out. A stranger answers for the region too, but far less: a
// guesser with ever new addresses has all of them in a few regions, where others live
// as well.
func (w *guess) suspicion(now time.Time) int {
	switch own := 2 * min(w.pair.refusals, mostCounted); {
	case w.known && now.Sub(w.pair.began) >= knownRest:
		return own - 1
	case w.exempt:
		return own
	}
	return 2*min(w.network.refusals, mostCounted) + bits.Len(uint(w.region.refusals))
}

// start takes a guess out of the line and lets it be judged.
func (g *guard) start(w *guess, now time.Time) {
	g.leave(w)
	g.turns++
	g.judging++
	w.pair.judging++
	w.pair.began = now
	w.network.judging++
	if !w.exempt {
		w.network.spend(refusalRate, now) // given back unless the guess is refused
	}
	close(w.ready)
}

// drag notes that a guess takes long, as when its backend waits for another host, and
// makes room for the next.
func (g *guard) drag(w *guess) {
	if !w.slow && !w.over {
		w.slow = true
		g.slow++
	}
}

// done ends a guess that was started.
func (g *guard) done(w *guess, v verdict, now time.Time) {
	w.over = true
	g.judging--
	w.pair.judging--
	w.network.judging--
	if w.slow {
		g.slow--
	}
	switch {
	case v == refused:
		w.refused, w.previous = now, w.pair.last
		w.pair.refuse(now)
		w.network.refuse(now)
		w.region.refuse(now)
	case !w.exempt:
		w.network.spend(-refusalRate, now)
	}
	if v == accepted {
		g.remember(w.pair.key, now)
	}
	g.release(w)
}

// forgive takes back that a guess was refused.
func (g *guard) forgive(w *guess, now time.Time) {
	w.pair.refusals = max(w.pair.refusals-1, 0)
	w.network.refusals = max(w.network.refusals-1, 0)
	w.region.refusals = max(w.region.refusals-1, 0)
	if w.pair.last.Equal(w.refused) {
		w.pair.last = w.previous
	}
	if !w.exempt {
		w.network.spend(-refusalRate, now)
	}
}

// drop ends a guess that was never started.
func (g *guard) drop(w *guess) {
	g.leave(w)
	g.release(w)
}

// leave takes a guess out of the line.
func (g *guard) leave(w *guess) {
	if i := slices.Index(g.waiting, w); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
}

func (g *guard) release(w *guess) {
	g.networks.release(w.network)
	g.regions.release(w.region)
	g.pairs.release(w.pair)
}

// remember notes a login. When there are too many it forgets another one.
func (g *guard) remember(pair guessKey, now time.Time) {
	if _, again := g.known[pair]; !again && len(g.known) >= maxKnown {
		for other := range g.known {
			delete(g.known, other)
			break
		}
	}
	g.known[pair] = now
}

// delay returns how long a pair waits after so many refusals: firstDelay, doubled with
// each further refusal, up to longest.
func delay(refusals int, longest time.Duration) time.Duration {
	if refusals == 0 {
		return 0
	}
	d := firstDelay
	for ; refusals > 1 && d < longest; refusals-- {
		d *= 2
	}
	return min(d, longest)
}
