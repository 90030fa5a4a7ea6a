package passive

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The connections from addresses without a lease are bounded as well, by how many wait at once: connections that claim
// a lease count as well, connections that went do not.
func TestRoamingBound(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Expected)
		for range 2 * maxRoaming {
			s.comes("elsewhere", "").client.Close()
		}
		for range 10 {
			s.comes("elsewhere", "stalls a")
		}
		for range 2 * maxRoaming {
			s.comes("elsewhere", "")
		}
		require.Equal(s, mostRoaming, s.p.Stats().Unproven)
		for range maxRoaming {
			s.n.dial(bob, 21000)
		}
		synctest.Wait()
		require.Equal(s, maxRoaming, s.p.Stats().Unproven)
		s.asked(l).gets(s.comes("home", "proof a"), turn)
		synctest.Wait()
		require.Zero(s, s.p.Stats().Unproven)
		require.Zero(s, l.door.roaming)
	})
}

// The addresses of an IPv6 network of 64 bits are one client's in everything that is counted: they don't keep out
// whoever comes from elsewhere, hold no more than one address of a network with leases, and share their failures.
func TestIPv6NetworkCountsAsOne(t *testing.T) {
	in := func(network byte, host int) netip.Addr {
		return netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 7: network, 14: byte(host >> 8), 15: byte(host)})
	}
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Required)
		for i := range 2 * maxRoaming {
			s.n.dial(in(1, i), 21000)
		}
		synctest.Wait()
		require.Equal(s, mostRoaming, s.p.Stats().Unproven)
		honest, server := s.n.dial(in(2, 0), 21000)
		v := &visitor{s, honest, server}
		v.say("proof a")
		s.asked(l).gets(v, 0)
	})
	proving(t, "21000", func(s *stage) {
		for i := range 3 {
			r := session(s.t, fmt.Sprint(i), Required)
			r.Client = in(1, i)
			lease(s.T, s.p, r)
		}
		for i := range 300 {
			s.n.dial(in(1, i%3), 21000)
		}
		synctest.Wait()
		require.Equal(s, 3+maxHeld, s.p.Stats().Unproven)
	})
	var failed strikes[netip.Prefix]
	for i := range fewStrikes {
		require.Equal(t, i+1, failed.add(network(in(1, i)), strikeFor))
	}
	require.Equal(t, 1, failed.add(network(in(2, 0)), strikeFor))
	require.False(t, failed.many(network(in(1, 99)), fewStrikes))
	failed.add(network(in(1, 5)), strikeFor)
	require.True(t, failed.many(network(in(1, 99)), fewStrikes))
}

// What is remembered of addresses and owners does not grow for ever.
func TestMemoryOfFailuresIsBounded(t *testing.T) {
	var failed strikes[netip.Prefix]
	var mixing mixers
	most := 0
	for i := range 2*strikeLimit + 1 {
		failed.add(network(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})), strikeFor)
		mixing.add(owner{name: strconv.Itoa(i)})
		most = max(most, len(failed))
		require.Len(t, mixing, len(failed))
	}
	require.Equal(t, strikeLimit, most)
	require.Len(t, failed, 1)
}

// Whatever passes through a port in use leaves nothing behind.
func TestNothingIsLeftOfWhoWent(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Expected)
		s.t.owners = make(map[string]string)
		for i := range 10 {
			first, second := fmt.Sprint("one", i), fmt.Sprint("two", i)
			s.t.owners[first] = "same"
			s.t.owners[second] = "same"
			one, two := s.lease(first, Expected), s.lease(second, Expected)
			require.NoError(s, one.Close())
			require.NoError(s, two.Close())
		}
		s.comes("elsewhere", "").client.Close()
		synctest.Wait()
		require.Len(s, l.group.owners, 1)
		require.Len(s, l.door.proofs, 1)
		require.Len(s, l.door.provers.list, 1)
		require.Len(s, l.door.groups, 1)
		require.Equal(s, crowds{network(alice): {leases: 1}}, l.door.crowds)
	})
}

// A storm of strays at a port in use writes ten lines a minute, and says how many there were. Scanners don't use up its
// share. The log is the session's if the Ports have none.
func TestRefusedLog(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		var log journal
		s.p.TTL, s.p.Idle = time.Hour, time.Hour
		r := session(s.t, "a", Required)
		r.Logger = log.logger()
		require.NoError(s, lease(s.T, s.p, r).Close())
		for range 100 {
			s.comes("elsewhere", "")
		}
		require.Len(s, log.lines(), 10)
		require.NotContains(s, log.lines()[0], "unreported")
		lease(s.T, s.p, r)
		for range 100 {
			require.True(s, s.comes("home", "hello").refused())
		}
		require.Len(s, log.lines(), 20)
		require.Contains(s, log.lines()[19], "expected=127.0.0.2 session=a")
		require.NotContains(s, log.lines()[19], "unreported")
		require.EqualValues(s, 200, s.p.Stats().Strangers)
		time.Sleep(time.Minute)
		s.comes("home", "hello")
		require.Contains(s, log.lines()[20], "unreported=90")
	})
}

// A refusal is told to the log of the session whose connection was expected, though another session came to the port
// later and left.
func TestRefusedLogIsTheSessions(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		var stays, left journal
		r := session(s.t, "a", Required)
		r.Logger = stays.logger()
		lease(s.T, s.p, r)
		r = session(s.t, "b", Required)
		r.Logger = left.logger()
		require.NoError(s, lease(s.T, s.p, r).Close())
		require.True(s, s.comes("home", "hello").refused())
		require.True(s, s.comes("elsewhere", "hello").refused())
		require.Len(s, stays.lines(), 2)
		require.Equal(s, []string{""}, left.lines())
	})
}

// When the guests have gone, the next session of which nothing is known gets a free place and is no guest.
func TestGuestsGo(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.lease("a", Expected)
		open := s.lease("b", Untested)
		s.asked(open)
		guest := s.lease("c", Untested)
		since(s.T, s.start, defaultWait/2)
		require.NoError(s, guest.Close())
		require.NoError(s, open.Close())
		next := s.asked(s.lease("d", Untested))
		since(s.T, s.start, defaultWait/2)
		next.gets(s.comes("home", "hello"), 0)
	})
}

// Sessions of an owner who mixes proofs up share a port with sessions of other owners all the same.
func TestMixedProofsShareWithOthers(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		other := s.lease("other", Expected)
		r := session(s.t, "one", Expected)
		r.SharesTickets = true
		one := lease(s.T, s.p, r)
		since(s.T, s.start, 0)
		s.asked(one).gets(s.comes("home", "proof one"), 0)
		s.asked(other).gets(s.comes("home", "proof other"), 0)
	})
}

// A failed claim ends a lease soon, but not once too many have failed, or a thief could end every lease. Then the
// client hears of the failure when its lease ends by time.
func TestManyFailedClaimsAreToldAtTheEnd(t *testing.T) {
	for before, after := range map[int]time.Duration{fewStrikes - 1: anotherWait, fewStrikes: defaultTTL} {
		proving(t, "21000", func(s *stage) {
			first := s.lease("a", Required)
			for range before {
				s.comes("home", "fails a")
			}
			require.NoError(s, first.Close())
			take := s.asked(s.lease("a", Required))
			s.comes("home", "fails a")
			take.fails(ErrUnproven, after)
			require.ErrorIs(s, take.err, errShake)
		})
	}
}

// Every port of a set is found, also the last of many that is free.
func TestEveryPortIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := memPorts(t, "21000-21199")
		defer p.Close()
		seen := make(map[uint16]bool)
		for range 200 {
			l := lease(t, p, ask(alice))
			require.False(t, seen[l.Port()])
			seen[l.Port()] = true
		}
		for port := range uint16(200) {
			require.True(t, seen[21000+port])
		}
	})
}
