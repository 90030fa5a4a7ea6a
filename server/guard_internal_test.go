package server

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// play is a guard and its clock.
type play struct {
	guard
	now time.Time
}

func newPlay() *play { return &play{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

// judged lines up a guess and lets it be judged at once, which must be possible.
func (p *play) judged(t *testing.T, from netip.Prefix, user string, v verdict) *guess {
	t.Helper()
	w := p.ask(from, user, 0, p.now)
	next, _ := p.next(p.now, 1)
	require.Same(t, w, next)
	p.start(w, p.now)
	p.done(w, v, p.now)
	return w
}

// order returns who is judged at every places-th moment, by user.
func (p *play) order(users map[*guess]string) (order []string) {
	for {
		w, again := p.next(p.now, 1)
		switch {
		case w != nil:
			order = append(order, users[w])
			p.start(w, p.now)
			p.done(w, refused, p.now)
		case again.IsZero():
			return order
		default:
			p.now = again
		}
	}
}

func net4(i int) netip.Prefix {
	return network(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
}

// The guard's memory has a bound, whoever fills it, and forgets the old before the
// new. It does not remember anybody who was never refused.
func TestGuardIsBounded(t *testing.T) {
	p := newPlay()
	for i := range 3 * maxRecords {
		p.judged(t, net4(i), "alice", refused)
		require.LessOrEqual(t, len(p.networks), maxRecords)
		require.LessOrEqual(t, len(p.regions), maxRecords)
		require.LessOrEqual(t, len(p.pairs), maxRecords)
	}
	p = newPlay()
	for i := range maxRecords {
		if i == maxRecords/2 {
			p.now = p.now.Add(failureMemory + 1)
		}
		p.judged(t, net4(i), "alice", refused)
	}
	p.judged(t, net4(maxRecords), "alice", refused)
	require.Len(t, p.pairs, maxRecords/2+1)
	p = newPlay()
	for i := range maxKnown + 100 {
		p.judged(t, net4(i), "alice", accepted)
	}
	require.Empty(t, p.networks)
	require.Empty(t, p.regions)
	require.Empty(t, p.pairs)
	require.Len(t, p.known, maxKnown)
	require.True(t, p.ask(net4(maxKnown+99), "Alice", 0, p.now).known)
}

func TestDelay(t *testing.T) {
	for n, want := range []time.Duration{0, firstDelay, time.Second, 2 * time.Second, 4 * time.Second, longestDelay, longestDelay} {
		require.Equal(t, want, delay(n, longestDelay))
		require.Equal(t, min(want, knownDelay), delay(n, knownDelay))
	}
	require.Equal(t, longestDelay, delay(1<<30, longestDelay))
}

// Guesses are judged in this order: the pair that was refused least, then the
// session that failed least, then in turns the latest and the oldest.
func TestGuardOrder(t *testing.T) {
	p := newPlay()
	p.judged(t, net4(1), "known", accepted)
	for range 3 {
		p.judged(t, net4(2), "x", refused)
		p.now = p.now.Add(10 * time.Second)
	}
	users := make(map[*guess]string)
	line := func(from int, user string, fails int) { users[p.ask(net4(from), user, fails, p.now)] = user }
	line(2, "guesses", 0)
	line(3, "a", 0)
	line(4, "b", 1)
	line(5, "c", 0)
	line(1, "known", 0)
	p.turns = 0
	require.Equal(t, []string{"known", "a", "c", "b", "guesses"}, p.order(users))

	users = make(map[*guess]string)
	for i := range 16 {
		line(100+i, strconv.Itoa(i), 0)
	}
	p.turns = 0
	require.Equal(t, []string{"15", "0", "14", "1", "13", "2", "12", "3", "11", "4", "10", "5", "9", "6", "8", "7"}, p.order(users))
}

// Two hundred guessers, each time from a new address, pass nobody for long. A
// stranger from elsewhere waits for the guess that is being judged. A stranger whom
// nothing tells from the guessers waits for twice the line in front. Both hold at
// whatever turn the stranger comes.
func TestGuardEverNewAddresses(t *testing.T) {
	const guessers = 200
	near := func(i int) netip.Prefix { return network(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})) }
	far := func(i int) netip.Prefix { return network(netip.AddrFrom4([4]byte{byte(20 + i>>8), byte(i), 0, 1})) }
	near6 := func(i int) netip.Prefix {
		return network(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(i >> 8), byte(i)}))
	}
	for _, c := range []struct {
		name   string
		from   func(int) netip.Prefix
		honest string
		most   int
	}{
		{"one region", near, "192.0.2.1", 2},
		{"one IPv6 site", near6, "2001:db8:2::1", 2},
		{"a neighbour", near, "10.0.255.1", 2*guessers + 2},
		{"all over", far, "192.0.2.1", 2*guessers + 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			for phase := range oldestEach {
				require.LessOrEqual(t, turnsBefore(t, c.from, guessers, phase, netip.MustParseAddr(c.honest)), c.most, phase)
			}
		})
	}
}

// Somebody with an account logs in over and over, on two hundred connections, and
// is right each time. Others wait only for the logins that are being judged,
// whether they are known or not, at the same address or at another.
func TestGuardAcceptedOverAndOver(t *testing.T) {
	const places = 2
	for name, c := range map[string]struct {
		from  netip.Prefix
		known bool
	}{
		"a stranger":                     {net4(2), false},
		"a known user":                   {net4(2), true},
		"a stranger at the same address": {net4(1), false},
		"a known user there":             {net4(1), true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay()
			p.judged(t, net4(1), "eve", accepted)
			if c.known {
				p.judged(t, c.from, "alice", accepted)
			}
			p.now = p.now.Add(time.Minute)
			for range 200 {
				p.ask(net4(1), "eve", 0, p.now)
			}
			var judged []*guess
			turn := func() *guess {
				for len(judged) < places {
					w, _ := p.next(p.now, places)
					require.NotNil(t, w)
					p.start(w, p.now)
					judged = append(judged, w)
				}
				p.now = p.now.Add(50 * time.Millisecond)
				w := judged[0]
				p.done(w, accepted, p.now)
				judged = judged[1:]
				p.ask(net4(1), "eve", 0, p.now)
				return w
			}
			for phase := range 3 * oldestEach {
				turn()
				mine := p.ask(c.from, "alice", 0, p.now)
				n := 1
				for ; turn() != mine; n++ {
					require.Less(t, n, 2*places+2, phase)
				}
				p.now = p.now.Add(time.Second)
			}
		})
	}
}

// turnsBefore returns how many guesses are judged before a guess from honest that
// lines up after phase turns of guessers. The guessers come again at once, each
// time from a new address.
func turnsBefore(t *testing.T, from func(int) netip.Prefix, guessers, phase int, honest netip.Addr) int {
	p, came := newPlay(), 0
	comeAgain := func() {
		p.ask(from(came), "u"+strconv.Itoa(came), 0, p.now)
		came++
	}
	turn := func() *guess {
		w, _ := p.next(p.now, 1)
		require.NotNil(t, w)
		p.start(w, p.now)
		p.now = p.now.Add(60 * time.Millisecond)
		p.done(w, refused, p.now)
		comeAgain()
		return w
	}
	for range guessers {
		comeAgain()
	}
	for range 50 + phase {
		turn()
	}
	mine := p.ask(network(honest), "alice", 0, p.now)
	comeAgain()
	for n := range 10 * guessers {
		if turn() == mine {
			return n
		}
	}
	return 10 * guessers
}

// A guess that was withdrawn, or not decided, leaves nothing behind; one that is
// forgiven leaves what was there before it.
func TestGuardForgets(t *testing.T) {
	p := newPlay()
	p.drop(p.ask(net4(1), "alice", 0, p.now))
	p.judged(t, net4(1), "alice", undecided)
	require.Empty(t, p.networks)
	require.Empty(t, p.regions)
	require.Empty(t, p.pairs)

	p.judged(t, net4(1), "alice", refused)
	p.now = p.now.Add(firstDelay)
	p.forgive(p.judged(t, net4(1), "alice", refused), p.now)
	p.judged(t, net4(1), "alice", refused)
	w := p.ask(net4(1), "alice", 0, p.now)
	_, again := p.next(p.now, 1)
	require.Equal(t, p.now.Add(time.Second), again)
	require.Equal(t, 2, w.pair.refusals)
	require.Equal(t, 2, w.network.refusals)
}

// A guess that takes long makes room, and only while it lasts.
func TestGuardSlow(t *testing.T) {
	p := newPlay()
	var slow []*guess
	for i := range slowPlaces {
		w := p.ask(net4(i), "alice", 0, p.now)
		next, _ := p.next(p.now, 1)
		require.Same(t, w, next)
		p.start(w, p.now)
		p.drag(w)
		slow = append(slow, w)
	}
	last := p.ask(net4(99), "alice", 0, p.now)
	next, _ := p.next(p.now, 1)
	require.Nil(t, next)
	p.done(slow[0], refused, p.now)
	p.drag(slow[0])
	next, _ = p.next(p.now, 1)
	require.Same(t, last, next)
	for _, w := range slow[1:] {
		p.done(w, refused, p.now)
	}
	require.Zero(t, p.slow)
	require.Zero(t, p.judging)
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		require.Equal(t, want, network(netip.MustParseAddr(addr)).String())
	}
	require.False(t, network(netip.Addr{}).IsValid())
}
