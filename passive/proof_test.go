package passive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Any number of sessions of one address share one port, and each gets its own connection, in whatever order they come.
func TestManyThroughOnePort(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		names := []string{"a", "b", "c", "d", "e"}
		var leases []*Lease
		for _, name := range names {
			leases = append(leases, s.lease(name, Expected))
		}
		visitors := make([]*visitor, len(names))
		for i := range names {
			visitors[i] = s.comes("home", "")
		}
		for i := range names {
			visitors[len(names)-1-i].say("proof " + names[i])
		}
		require.Zero(s, s.p.Stats().Leases, "freed before Accept")
		for i, l := range leases {
			s.asked(l).gets(visitors[len(names)-1-i], 0)
		}
		quiet(s.T, s.p)
	})
}

// A connection without proof may be meant for any lease of its address that demands proof of all: each hears that one
// came, and no lease of another address does.
func TestManyHearOfMissingProof(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		a, b, resumes := s.asked(s.lease("a", Required)), s.asked(s.lease("b", Required)), s.asked(s.lease("resumes", Expected))
		r := session(s.t, "elsewhere", Required)
		r.Client = eve
		elsewhere := s.asked(lease(s.T, s.p, r))
		require.True(s, s.comes("home", "hello").refused())
		later := s.asked(s.lease("later", Required))
		a.fails(ErrUnproven, s.p.ttl())
		b.fails(ErrUnproven, s.p.ttl())
		resumes.fails(ErrExpired, s.p.ttl())
		elsewhere.fails(ErrExpired, s.p.ttl())
		later.fails(ErrExpired, s.p.ttl())
	})
}

// CloseUnused frees the port of a session that has to prove itself although a connection without proof, which can't be
// its own, waits there for another session.
func TestCloseUnusedBesideOthers(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		proves, open := s.asked(s.lease("proves", Expected)), s.lease("open", Untested)
		v := s.comes("home", "hello")
		require.False(s, v.refused())
		proves.lease.CloseUnused()
		proves.fails(ErrClosed, 0)
		s.asked(open).gets(v, betterWait)
	})
}

// A session of which nothing is known waits for a place where it needs no proof, and gets one although squatters have
// them all: what they do not use becomes good for proof only.
func TestSquattersOnOnePort(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		for i := range 50 {
			go s.p.Lease(s.Context(), session(s.t, fmt.Sprint("squatter", i), Untested))
		}
		synctest.Wait()
		l := s.lease("honest", Untested)
		since(s.T, s.start, staleAfter)
		take := s.asked(l)
		take.gets(s.comes("home", "proof honest"), 0)
	})
}

// Eleven silent sessions of one address, each on a port of its own, keep the twelfth waiting for five seconds, whatever
// any of the twelve can prove.
func TestUnusedLeasesGiveWay(t *testing.T) {
	for _, squatters := range []ProofPolicy{Untested, Unlikely} {
		for _, policy := range []ProofPolicy{Untested, Unlikely} {
			proving(t, "21000-21010", func(s *stage) {
				var taken []*Lease
				for i := range 11 {
					r := session(s.t, fmt.Sprint("squatter", i), squatters)
					if i == 3 {
						r = ask(alice) // a session with data in clear
					}
					taken = append(taken, lease(s.T, s.p, r))
				}
				s.lease("honest", policy)
				since(s.T, s.start, staleAfter)
				_, err := taken[3].Accept(s.Context())
				require.ErrorIs(s, err, ErrExpired, "it can't be for proof only")
			})
		}
	}
	// Nor do eleven silent sessions on one port, although most share the port by then.
	for _, policy := range []ProofPolicy{Untested, Unlikely} {
		proving(t, "21000", func(s *stage) {
			for i := range 11 {
				go s.p.Lease(s.Context(), session(s.t, fmt.Sprint("squatter", i), Untested))
			}
			time.Sleep(6 * time.Second)
			start := time.Now()
			l := s.lease("honest", policy)
			require.LessOrEqual(s, time.Since(start), staleAfter)
			s.asked(l).gets(s.comes("home", "hello"), 0)
		})
	}
	// A session that is known to prove nothing never shares a port, and does not give up a moment before having a port
	// alone: leases that came a little later give way a little later, too.
	proving(t, "21000", func(s *stage) {
		squat := func(name string) { go s.p.Lease(s.Context(), session(s.t, name, Untested)) }
		squat("first")
		time.Sleep(time.Millisecond)
		squat("second")
		time.Sleep(time.Millisecond)
		got := make(chan *Lease, 1)
		go func() {
			l, _ := s.p.Lease(s.Context(), session(s.t, "honest", Unlikely))
			got <- l
		}()
		time.Sleep(time.Second)
		for i := range 10 {
			squat(fmt.Sprint("late", i))
			time.Sleep(time.Millisecond)
		}
		l := <-got
		require.NotNil(s, l, "it has given up")
		require.Less(s, time.Since(s.start), defaultWait+staleAfter)
		s.asked(l).gets(s.comes("home", "hello"), 0)
	})
	// A lease in use does not give way.
	proving(t, "21000", func(s *stage) {
		take := s.asked(s.lease("slow", Unlikely))
		go func() {
			time.Sleep(8 * time.Second)
			s.comes("home", "hello")
		}()
		s.lease("other", Unlikely)
		since(s.T, s.start, 8*time.Second)
		<-take.done
		require.NoError(s, take.err)
	})
	// One that has given way is still good for proof.
	proving(t, "21000", func(s *stage) {
		first := s.lease("first", Untested)
		second := s.lease("second", Untested)
		stray := s.comes("home", "hello")
		require.False(s, stray.refused(), "it may be the second's")
		take := s.asked(first)
		take.gets(s.comes("home", "proof first"), 0)
		s.asked(second).gets(stray, betterWait)
	})
	// Without proof it ends in time for its client to try again.
	proving(t, "21000", func(s *stage) {
		first := s.lease("first", Unlikely)
		second := s.lease("second", Unlikely)
		s.asked(first).fails(ErrAmbiguous, proofWait)
		require.NoError(s, second.Close())
		quiet(s.T, s.p)
	})
}

// A session that can prove nothing gets a port of its own, and gets a turn although others could go on sharing.
func TestAloneWaitsItsTurn(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		first := s.lease("a", Expected)
		got := make(chan *Lease)
		go func() {
			l, _ := s.p.Lease(s.Context(), ask(alice))
			got <- l
		}()
		synctest.Wait()
		late := make(chan *Lease)
		go func() {
			l, _ := s.p.Lease(s.Context(), session(s.t, "b", Expected))
			late <- l
		}()
		synctest.Wait()
		require.Equal(s, 2, s.p.Stats().Waiting)
		v := s.comes("home", "proof a")
		plain := <-got
		require.Equal(s, 1, s.p.Stats().Waiting, "the one behind waits for it")
		s.asked(plain).gets(s.comes("home", ""), 0) // whatever comes is its connection, without a word
		require.NoError(s, (<-late).Close())
		s.asked(first).gets(v, 0)
	})
}

// Waiters behind one that can share with nobody go on when that one gives up.
func TestAloneGivesUp(t *testing.T) {
	for _, how := range []string{"its client", "its time"} {
		proving(t, "21000", func(s *stage) {
			s.lease("a", Expected)
			first, cancel := context.WithCancel(s.Context())
			defer cancel()
			go s.p.Lease(first, ask(alice))
			synctest.Wait()
			time.Sleep(time.Second)
			behind := make(chan *Lease)
			go func() {
				l, _ := s.p.Lease(s.Context(), session(s.t, "c", Unlikely))
				behind <- l
			}()
			synctest.Wait()
			require.Equal(s, 2, s.p.Stats().Waiting)
			if how == "its client" {
				cancel()
			} else {
				time.Sleep(defaultWait - time.Second)
			}
			synctest.Wait()
			require.Zero(s, s.p.Stats().Waiting)
			require.NoError(s, (<-behind).Close())
		})
	}
}

// No newcomer takes the place for which a session waits that can share with nobody.
func TestAloneIsNotOvertaken(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		first := s.lease("a", Expected)
		alone := make(chan *Lease)
		go func() {
			l, _ := s.p.Lease(s.Context(), ask(alice))
			alone <- l
		}()
		synctest.Wait()
		go s.p.Lease(s.Context(), session(s.t, "b", Untested))
		synctest.Wait()
		require.Equal(s, 2, s.p.Stats().Waiting)
		require.NoError(s, first.Close())
		require.NoError(s, (<-alone).Close())
	})
}

// A connection without proof goes to the one lease that needs none, once the transfer of that lease has been asked for:
// at once if the connection said nothing before, otherwise if no better connection follows.
func TestUnprovenWaitsForTheTransfer(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("python", Untested)
		v := s.comes("home", "")
		take := s.asked(l)
		take.pending()
		v.say("hello")
		take.gets(v, 0)
	})
	proving(t, "21000", func(s *stage) {
		l := s.lease("python", Untested)
		v := s.comes("home", "hello")
		require.Equal(s, 1, s.p.Stats().Unproven)
		s.asked(l).gets(v, betterWait)
		quiet(s.T, s.p)
	})
	// The client may hear of its transfer before Accept is called.
	proving(t, "21000", func(s *stage) {
		l := s.lease("python", Untested)
		v := s.comes("home", "")
		l.TransferStarting()
		v.say("hello")
		s.asked(l).gets(v, 0)
		quiet(s.T, s.p)
	})
	// Of a session that is known to come without proof nothing better is expected.
	proving(t, "21000", func(s *stage) {
		l := s.lease("python", Unlikely)
		v := s.comes("home", "hello")
		s.asked(l).gets(v, 0)
	})
}

// The handshake of a connection without proof that is alone on its lease is done at once, since some clients ask for
// their transfer only after it. It releases nothing.
func TestHandshakeBeforeTheTransfer(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("aioftp", Unlikely)
		v := s.comes("home", "hello")
		require.Equal(s, 1, s.p.Stats().Leases)
		require.True(s, s.p.doors[l.door.at].groups[alice].arrived[0].full)
		second := s.comes("home", "hello") // a thief, or the client's own
		require.True(s, v.refused() && second.refused())
		s.asked(l).fails(ErrAmbiguous, proofWait)
	})
	// It is also done beside a connection that says nothing, such as that of a neighbour who waits for 150.
	proving(t, "21000", func(s *stage) {
		neighbour := s.lease("neighbour", Expected)
		l := s.lease("aioftp", Unlikely)
		other := s.comes("home", "")
		v := s.comes("home", "hello")
		require.True(s, slices.ContainsFunc(s.p.doors[l.door.at].groups[alice].arrived, func(c *candidate) bool { return c.full }))
		take := s.asked(neighbour)
		other.say("proof neighbour")
		take.gets(other, 0)
		s.asked(l).gets(v, 0)
	})
	// It is also done when a stray connection that was there has gone.
	for _, leaves := range []func(*visitor){
		func(stray *visitor) { stray.say("proof thief") },
		func(stray *visitor) { stray.client.Close() },
	} {
		proving(t, "21000", func(s *stage) {
			l := s.lease("aioftp", Unlikely)
			stray := s.comes("home", "")
			v := s.comes("home", "hello")
			leaves(stray)
			synctest.Wait()
			require.True(s, s.p.doors[l.door.at].groups[alice].arrived[0].full)
			s.asked(l).gets(v, 0)
		})
	}
	// Sessions that have to prove themselves do not matter either, nor do connections that prove to be theirs.
	for _, neighbour := range []ProofPolicy{Expected, Required} {
		proving(t, "21000", func(s *stage) {
			idle := s.lease("neighbour", neighbour)
			l := s.lease("aioftp", Unlikely)
			s.lease("one more", neighbour)
			v := s.comes("home", "hello")
			other := s.comes("home", "stalls neighbour")
			require.True(s, s.p.doors[l.door.at].groups[alice].arrived[0].full)
			s.asked(l).gets(v, 0)
			require.False(s, other.refused())
			require.NoError(s, idle.Close())
		})
	}
	// A second connection during the handshake counts as well.
	proving(t, "21000", func(s *stage) {
		l := s.lease("aioftp", Unlikely)
		v := s.comes("home", "stalls")
		take := s.asked(l)
		second := s.comes("home", "hello")
		require.True(s, second.refused())
		take.fails(ErrAmbiguous, proofWait)
		time.Sleep(time.Minute)
		require.True(s, v.refused())
	})
}

// A ticket shown is not a ticket resumed: a connection that claims to be a session's and does not prove it gets nothing
// that one without a word would not get, from wherever it comes, and the session's own is served after it.
func TestClaimsAreNoProof(t *testing.T) {
	for _, from := range []string{"home", "elsewhere"} {
		for _, line := range []string{"shows honest", "fails honest", "shows sibling", "proof thief", "shows thief"} {
			for _, policy := range []ProofPolicy{Untested, Expected, Unlikely, Required} {
				t.Run(fmt.Sprint(from, " ", line, " ", policy), func(t *testing.T) {
					proving(t, "21000", func(s *stage) {
						s.t.owners = map[string]string{"honest": "h", "sibling": "h"}
						l := s.lease("honest", policy)
						thief := s.comes(from, line)
						own := s.comes("home", "proof honest")
						s.asked(l).gets(own, 0)
						synctest.Wait()
						require.True(s, thief.refused())
						quiet(s.T, s.p)
					})
				})
			}
		}
	}
}

// A connection whose claim failed counts as one without proof: good enough only where such connections are, and with
// the handshake done already. From elsewhere it is refused and counts as nothing.
func TestFailedClaimIsUnproven(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("honest", Unlikely)
		v := s.comes("home", "shows honest")
		s.asked(l).gets(v, 0)
	})
	proving(t, "21000", func(s *stage) {
		l := s.lease("honest", Untested)
		v := s.comes("elsewhere", "shows honest")
		require.True(s, v.refused())
		s.asked(l).fails(ErrExpired, defaultTTL)
	})
}

// Where only proof counts, a client whose claim has failed hears of it two seconds after its transfer was asked for,
// unless another connection comes.
func TestFailedClaimIsTold(t *testing.T) {
	for _, policy := range []ProofPolicy{Expected, Required} {
		for _, line := range []string{"shows a", "fails a"} {
			proving(t, "21000", func(s *stage) {
				l := s.lease("a", policy)
				v := s.comes("home", line)
				require.True(s, v.refused())
				require.EqualValues(s, 1, s.p.Stats().Strangers)
				time.Sleep(3 * time.Second)
				take := s.asked(l)
				take.fails(ErrUnproven, anotherWait)
				require.Equal(s, line == "fails a", errors.Is(take.err, errShake), "%v", take.err)
				quiet(s.T, s.p)
			})
			proving(t, "21000", func(s *stage) {
				take := s.asked(s.lease("a", policy))
				s.comes("home", line)
				time.Sleep(anotherWait - 1)
				own := s.comes("home", "")
				time.Sleep(5 * time.Second)
				take.pending()
				own.say("proof a")
				take.gets(own, anotherWait-1+5*time.Second)
			})
		}
	}
}

// A failed claim from another address than the client's ends nothing, not even the first: what was overheard can be
// shown from any number of addresses.
func TestFailedClaimElsewhere(t *testing.T) {
	for _, policy := range []ProofPolicy{Untested, Expected, Required} {
		for _, line := range []string{"shows a", "fails a"} {
			proving(t, "21000", func(s *stage) {
				take := s.asked(s.lease("a", policy))
				for i := range byte(20) {
					require.True(s, s.from(netip.AddrFrom4([4]byte{192, 0, 2, i}), line).refused())
					time.Sleep(time.Second)
				}
				take.pending()
				take.gets(s.comes("home", "proof a"), 20*time.Second)
			})
			// Nor does such a claim take back what the client is to be told.
			proving(t, "21000", func(s *stage) {
				take := s.asked(s.lease("a", Required))
				s.comes("home", line)
				time.Sleep(time.Second)
				s.comes("elsewhere", line)
				take.fails(ErrUnproven, anotherWait)
			})
		}
	}
}

// A failed claim from the client's IPv6 network of 64 bits counts like one from its own address, and one from elsewhere
// as nothing.
func TestFailedClaimOfTheNetwork(t *testing.T) {
	for from, want := range map[string]struct {
		err  error
		wait time.Duration
	}{"2001:db8::2": {ErrUnproven, anotherWait}, "2001:db8:0:1::1": {ErrExpired, defaultTTL}} {
		proving(t, "21000", func(s *stage) {
			r := session(s.t, "a", Required)
			r.Client = netip.MustParseAddr("2001:db8::1")
			take := s.asked(lease(s.T, s.p, r))
			require.True(s, s.from(netip.MustParseAddr(from), "shows a").refused())
			take.fails(want.err, want.wait)
		})
	}
}

// Somebody at the client's own address ends three transfers of a session within an hour, however much time he takes.
func TestFailedClaimsOfOneSession(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		for range fewStrikes {
			take := s.asked(s.lease("a", Required))
			s.comes("home", "shows a")
			take.fails(ErrUnproven, anotherWait)
			time.Sleep(2 * strikeFor)
		}
		for range 10 {
			take := s.asked(s.lease("a", Required))
			s.comes("home", "shows a")
			time.Sleep(2 * anotherWait)
			take.pending()
			take.gets(s.comes("home", "proof a"), 2*anotherWait)
			time.Sleep(2 * strikeFor)
		}
		take := s.asked(s.lease("other", Required))
		s.comes("home", "shows other")
		take.fails(ErrUnproven, anotherWait)
		time.Sleep(sessionStrikeFor)
		take = s.asked(s.lease("a", Required))
		s.comes("home", "shows a")
		take.fails(ErrUnproven, anotherWait)
	})
}

// Repeating failed claims ends nothing for a session that proves itself.
func TestFailedClaimsRepeated(t *testing.T) {
	for _, from := range []string{"home", "elsewhere"} {
		for _, line := range []string{"shows a", "fails a"} {
			proving(t, "21000", func(s *stage) {
				take := s.asked(s.lease("a", Required))
				for range 20 {
					s.comes(from, line)
					time.Sleep(time.Second)
				}
				take.pending()
				take.gets(s.comes("home", "proof a"), 20*time.Second)
				quiet(s.T, s.p)
			})
		}
	}
}

// While a handshake goes on for ever, those begin beside it that wait for their turn. Connections from elsewhere come
// last.
func TestHandshakesTakeTurns(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		take := s.asked(s.lease("a", Expected))
		for range 8 {
			s.comes("elsewhere", "stalls a")
		}
		own := s.comes("home", "proof a")
		take.gets(own, turn)
		quiet(s.T, s.p)
	})
	proving(t, "21000", func(s *stage) {
		take := s.asked(s.lease("a", Expected))
		for range 8 {
			s.comes("home", "stalls a")
		}
		take.gets(s.comes("home", "proof a"), 8*turn)
		quiet(s.T, s.p)
	})
}

// A handshake that was left to a call of Accept is done even if that call ends before the handshake begins, and the
// next call of Accept does other handshakes.
func TestHandshakeLeftByAccept(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Required)
		l.accept(1)
		s.comes("home", "stalls a")
		require.Len(s, l.turn, 1)
		require.Equal(s, 1, l.busy)
		l.accept(-1)
		require.Zero(s, l.busy)
		s.asked(l).gets(s.comes("home", "proof a"), turn)
		synctest.Wait()
		require.Zero(s, l.busy)
	})
}

// The session's own handshake may take its time, whoever waits meanwhile, and fail or stall how they may.
func TestSlowHandshake(t *testing.T) {
	for _, from := range []string{"home", "elsewhere"} {
		for _, line := range []string{"stalls a", "fails a", "shows a"} {
			proving(t, "21000", func(s *stage) {
				l := s.lease("a", Required)
				for range maxStrikes {
					s.comes(from, line)
				}
				take := s.asked(l)
				own := s.comes("home", "slow a")
				for range maxStrikes {
					s.comes(from, line)
				}
				<-take.done
				require.NoError(s, take.err)
				require.Same(s, own.server, take.conn)
				require.LessOrEqual(s, take.took, slowShake+maxStrikes*turn)
				take.conn.Close()
				quiet(s.T, s.p)
			})
		}
	}
}

// However many connections from the client's own address a port holds that claim a session and never come to an end,
// its own is served in time.
func TestLineFromHome(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		take := s.asked(s.lease("a", Required))
		for range maxHeld {
			require.False(s, s.comes("home", "stalls a").refused())
		}
		own := s.comes("home", "proof a")
		take.gets(own, maxHeld*turn)
		require.Less(s, take.took, defaultTTL)
		quiet(s.T, s.p)
	})
}

// A connection from a session's own address is heard, however many from elsewhere claim to be for the session.
func TestLineFromElsewhere(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		take := s.asked(s.lease("a", Expected))
		for range 2 * maxRoaming {
			s.comes("elsewhere", "stalls a")
		}
		take.gets(s.comes("home", "proof a"), turn)
		quiet(s.T, s.p)
	})
}

// However many claim from elsewhere to be for a session, and however long the handshakes of those take, the only
// connection from the session's own address waits a moment for them, once, and has the handshake before them.
func TestElsewhereHoldsNothingBack(t *testing.T) {
	for _, policy := range []ProofPolicy{Untested, Unlikely} {
		for _, asked := range []bool{false, true} { // before the thieves come
			proving(t, "21000", func(s *stage) {
				l := s.lease("a", policy)
				var take *taking
				if asked {
					take = s.asked(l)
				}
				for range 8 {
					s.comes("elsewhere", "stalls a")
				}
				own := s.comes("home", "hello")
				start := time.Now()
				if !asked {
					time.Sleep(turn)
					synctest.Wait()
					arrived := s.p.doors[l.door.at].groups[alice].arrived
					require.True(s, slices.ContainsFunc(arrived, func(c *candidate) bool { return !c.roaming && c.full }), "it had its handshake")
					start = time.Now()
					take = s.asked(l)
				}
				<-take.done
				require.NoError(s, take.err)
				require.Same(s, own.server, take.conn)
				require.LessOrEqual(s, time.Since(start), betterWait)
				quiet(s.T, s.p)
			})
		}
	}
	// The same holds where the connection may be another session's.
	proving(t, "21000", func(s *stage) {
		s.lease("a", Untested)
		s.lease("b", Untested)
		take := s.asked(s.lease("c", Untested))
		own := s.comes("home", "hello")
		for range 8 {
			s.comes("elsewhere", "stalls c")
			time.Sleep(time.Second)
		}
		<-take.done
		require.Same(s, own.server, take.conn)
		require.LessOrEqual(s, time.Since(s.start), 20*time.Second)
	})
}

// A handshake done for a transfer that was given up does not count for the next lease.
func TestHandshakeOfAnEndedLease(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		first := s.lease("aioftp", Unlikely)
		s.comes("home", "stalls")
		s.lease("b", Expected) // keeps the port in use
		require.NoError(s, first.Close())
		second := s.lease("aioftp", Unlikely)
		v := s.comes("home", "hello")
		s.asked(second).gets(v, 0)
		time.Sleep(lingering)
		synctest.Wait()
		require.EqualValues(s, 1, s.p.Stats().Strangers)
	})
}

// A prover that panics ends one connection.
func TestProverPanics(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		v := s.comes("home", "panics a")
		require.True(s, v.refused())
		s.asked(l).gets(s.comes("home", "proof a"), 0)
	})
	proving(t, "21000", func(s *stage) {
		take := s.asked(s.lease("a", Unlikely))
		s.comes("home", "panics")
		take.fails(ErrPanic, 0)
		quiet(s.T, s.p)
	})
}

// A prover that ends the goroutine of a handshake ends one connection, and the lease waits on.
func TestProverExits(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		v := s.comes("home", "exits a")
		require.True(s, v.refused())
		s.asked(l).gets(s.comes("home", "proof a"), 0)
		quiet(s.T, s.p)
	})
}

// shakyTeller is a prover that panics before the handshake.
type shakyTeller struct {
	*teller
	identify bool // in Identify, else in OwnerOf once the connection was identified
}

func (p shakyTeller) Identify(c net.Conn) (string, net.Conn, error) {
	if p.identify {
		panic("in Identify")
	}
	return p.teller.Identify(c)
}

func (p shakyTeller) OwnerOf(string) string { panic("in OwnerOf") }

// A prover that panics before the handshake loses one connection, as if its client had hung up.
func TestProverPanicsEarly(t *testing.T) {
	for _, identify := range []bool{true, false} {
		for policy, want := range map[ProofPolicy]error{Untested: ErrGone, Expected: ErrExpired} {
			proving(t, "21000", func(s *stage) {
				r := session(s.t, "a", policy)
				r.Prover = shakyTeller{s.t, identify}
				l := lease(s.T, s.p, r)
				take := s.asked(l)
				s.comes("home", "proof b")
				take.fails(want, defaultTTL)
				quiet(s.T, s.p)
			})
		}
	}
}

// A thief who was there first has to wait for the client's own connection, if nothing is known of the session, even if
// the client connects only after the transfer was asked for.
func TestThiefBeforeTheClient(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("honest", Untested)
		thief := s.comes("home", "hello")
		take := s.asked(l)
		time.Sleep(betterWait - 1)
		take.pending()
		take.gets(s.comes("home", "proof honest"), betterWait-1)
		require.True(s, thief.refused())
		quiet(s.T, s.p)
	})
}

// A thief of the same address who is there first gets nothing and breaks nothing.
func TestThieves(t *testing.T) {
	thieves := map[string]func(s *stage){
		"silent":    func(s *stage) { s.comes("home", "") },
		"unproven":  func(s *stage) { s.comes("home", "hello") },
		"foreign":   func(s *stage) { s.comes("home", "proof thief") },
		"hangs up":  func(s *stage) { s.comes("home", "").client.Close() },
		"elsewhere": func(s *stage) { s.comes("elsewhere", "hello") },
	}
	for name, steal := range thieves {
		for _, policy := range []ProofPolicy{Untested, Expected, Required} {
			t.Run(name, func(t *testing.T) {
				proving(t, "21000", func(s *stage) {
					l := s.lease("honest", policy)
					steal(s)
					own := s.comes("home", "")
					take := s.asked(l) // the honest one says nothing before that
					own.say("proof honest")
					take.gets(own, 0)
					quiet(s.T, s.p)
				})
			})
		}
	}
}

// A session that has proved itself, or must, is served until its lease ends by time, whatever strays do before.
func TestStraysEndNothing(t *testing.T) {
	strays := map[string]func(s *stage){
		"two unproven": func(s *stage) { s.comes("home", "hello"); s.comes("home", "hello") },
		"hang up":      func(s *stage) { s.comes("home", "").client.Close() },
		"silent":       func(s *stage) { s.comes("home", "") },
		"foreign":      func(s *stage) { s.comes("home", "proof thief") },
		"all": func(s *stage) {
			for range 20 {
				s.comes("home", "hello")
				s.comes("home", "")
				s.comes("home", "").client.Close()
				s.comes("elsewhere", "shows honest")
			}
		},
	}
	for name, come := range strays {
		for _, policy := range []ProofPolicy{Expected, Required} {
			t.Run(name, func(t *testing.T) {
				proving(t, "21000", func(s *stage) {
					l := s.lease("honest", policy)
					come(s)
					take := s.asked(l)
					come(s)
					time.Sleep(defaultTTL - time.Second)
					take.pending()
					take.gets(s.comes("home", "proof honest"), defaultTTL-time.Second)
					quiet(s.T, s.p)
				})
			})
		}
	}
}

// Silent connections never push another one out, however many there are and whenever it came.
func TestSilenceEvictsNobody(t *testing.T) {
	for _, first := range []bool{false, true} {
		for _, n := range []int{16, 17, 100} {
			proving(t, "21000", func(s *stage) {
				l := s.lease("honest", Expected)
				var own *visitor
				if first {
					own = s.comes("home", "")
				}
				for range n {
					s.comes("home", "")
				}
				if !first {
					own = s.comes("home", "")
				}
				take := s.asked(l)
				time.Sleep(2 * time.Second)
				require.False(s, own.refused())
				own.say("proof honest")
				take.gets(own, 2*time.Second)
				quiet(s.T, s.p)
			})
		}
	}
}

// What a connection may hold without proof is bounded, in number and in time.
func TestUnprovenBounds(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		for range 400 {
			s.n.dial(alice, 21000)
			s.n.dial(eve, 21000)
			s.n.dial(bob, 21000)
		}
		synctest.Wait()
		require.Equal(s, 1+maxHeld+maxRoaming, s.p.Stats().Unproven)
		time.Sleep(hurry)
		synctest.Wait()
		require.Equal(s, 1+spare+spare+spare, s.p.Stats().Unproven, "some of each address may take their time")
		s.asked(l).gets(s.comes("home", "proof a"), 0)
		synctest.Wait()
		quiet(s.T, s.p)
		require.Zero(s, s.p.Stats().Unproven)
	})
}

// Two connections without proof: one is a thief's, so neither gets anything, and the lease waits for proof.
func TestAmbiguous(t *testing.T) {
	for _, policy := range []ProofPolicy{Untested, Unlikely} {
		proving(t, "21000", func(s *stage) {
			l := s.lease("python", policy)
			first, second := s.comes("home", "hello"), s.comes("home", "hello")
			require.True(s, first.refused() && second.refused())
			take := s.asked(l)
			require.True(s, s.comes("home", "hello").refused())
			take.fails(ErrAmbiguous, proofWait)
			quiet(s.T, s.p)

			// The next one works.
			take = s.asked(s.lease("python", policy))
			take.gets(s.comes("home", "hello"), 0)
		})
		proving(t, "21000", func(s *stage) {
			take := s.asked(s.lease("curl", policy))
			s.comes("home", "")
			v := s.comes("home", "hello")
			take.pending() // the silent one may be better
			second := s.comes("home", "hello")
			require.True(s, v.refused() && second.refused())
			time.Sleep(proofWait - 1)
			take.gets(s.comes("home", "proof curl"), proofWait-1)
		})
	}
}

// With several sessions on the port that may come without proof, a connection without proof is nobody's.
func TestGuests(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		open := s.lease("a", Untested)
		first := s.asked(open)
		guest := s.lease("b", Untested) // granted when the queue has stood still for long
		since(s.T, s.start, defaultWait/2)
		second := s.asked(guest)
		require.True(s, s.comes("home", "hello").refused())
		first.pending()
		second.pending()
		second.gets(s.comes("home", "proof b"), 0)
		first.fails(ErrAmbiguous, defaultWait/2+proofWait)
	})
}

// A connection that came before any guest was there can only be the open lease's, whatever it says and when: guests
// take nothing away from whoever has begun.
func TestGuestsComeTooLate(t *testing.T) {
	for name, asked := range map[string]bool{"asked before": true, "asked after": false} {
		t.Run(name, func(t *testing.T) {
			proving(t, "21000", func(s *stage) {
				open := s.lease("python", Untested)
				own := s.comes("home", "")
				var first *taking
				if asked {
					first = s.asked(open) // python speaks when it has heard so
				} else {
					own.say("hello")
				}
				var guests []*taking
				for _, name := range []string{"b", "c"} {
					guests = append(guests, s.asked(s.lease(name, Untested)))
				}
				s.comes("home", "hello")
				if asked {
					own.say("hello")
				} else {
					first = s.asked(open)
				}
				<-first.done
				require.NoError(s, first.err)
				require.Same(s, own.server, first.conn)
				for i, name := range []string{"b", "c"} {
					v := s.comes("home", "proof "+name)
					<-guests[i].done
					require.Same(s, v.server, guests[i].conn)
				}
				quiet(s.T, s.p)
			})
		})
	}
}

// Somebody with a lease of his own who shows another's proof takes no place from those
// without a lease at their address: no network keeps clients out who come from elsewhere.
func TestUnprovenBoundsOfNeighbours(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Expected)
		r := session(s.t, "thief", Expected)
		r.Client = eve
		own := lease(s.T, s.p, r)
		for range maxRoaming {
			s.from(eve, "stalls a")
		}
		s.asked(l).gets(s.from(bob, "proof a"), maxRoaming*turn)
		require.NoError(s, own.Close())
		quiet(s.T, s.p)
	})
}

// Proof counts from any address, unless StrictPeer forbids other addresses.
func TestRoaming(t *testing.T) {
	for _, strict := range []bool{false, true} {
		proving(t, "21000", func(s *stage) {
			s.p.StrictPeer = strict
			l := s.lease("a", Untested)
			v := s.comes("elsewhere", "")
			take := s.asked(l)
			if strict {
				require.True(s, v.refused())
				take.pending()
				require.NoError(s, l.Close())
				take.fails(ErrClosed, 0)
				return
			}
			v.say("proof a")
			take.gets(v, 0)
			quiet(s.T, s.p)
		})
	}
}

// A connection that says nothing once its transfer is asked for ends the waiting of a session that may come without
// proof if no other is there. A connection that goes without a word doesn't, nor does one that said nothing before the
// transfer was asked for, or that was there before the lease.
func TestNothingButSilence(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		s.comes("home", "")
		time.Sleep(5 * time.Second)
		s.asked(l).fails(ErrGone, defaultHello)

		l = s.lease("a", Untested)
		s.comes("home", "").client.Close()
		s.asked(l).fails(ErrGone, defaultTTL)

		take := s.asked(s.lease("a", Untested))
		s.comes("home", "").client.Close()
		time.Sleep(defaultTTL - 1)
		take.gets(s.comes("home", "hello"), defaultTTL-1)
		quiet(s.T, s.p)
	})
	for _, before := range []string{"the transfer", "the lease"} {
		proving(t, "21000", func(s *stage) {
			other := s.lease("other", Expected) // keeps the port open
			var l *Lease
			if before == "the transfer" {
				l = s.lease("a", Untested)
			}
			crowd := make([]*visitor, 2*spare)
			for i := range crowd {
				crowd[i] = s.comes("home", "") // the last ones have to speak within hurry
			}
			if before == "the lease" {
				l = s.lease("a", Untested)
			}
			for _, v := range crowd[:spare+2] {
				v.client.Close()
			}
			if before == "the lease" {
				l.TransferStarting()
			}
			time.Sleep(hurry + time.Second)
			take := s.asked(l)
			time.Sleep(hurry)
			take.pending()
			take.gets(s.comes("home", "hello"), hurry)
			require.NoError(s, other.Close())
		})
	}
}

// A stray that came and went does not cut the time that a connection without proof gets for a better one to come.
func TestStrayBeforeOneWithoutProof(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("aioftp", Untested)
		s.comes("home", "").client.Close()
		own := s.comes("home", "hello")
		s.asked(l).gets(own, betterWait)
	})
}

// A client whose handshake fails before its transfer is asked for gets the error of a connection that came and went.
func TestEarlyHandshakeFails(t *testing.T) {
	for _, policy := range []ProofPolicy{Untested, Unlikely} {
		proving(t, "21000", func(s *stage) {
			l := s.lease("aioftp", policy)
			s.comes("home", "fails")
			take := s.asked(l)
			take.fails(ErrGone, proofWait)
			require.ErrorIs(s, take.err, errShake)

			l = s.lease("aioftp", policy)
			s.comes("home", "fails")
			second := s.comes("home", "hello")
			take = s.asked(l)
			<-take.done
			require.Same(s, second.server, take.conn)
		})
	}
}

// A lease that drops its proof takes what comes, as long as it is alone.
func TestDropProof(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		for _, policy := range []ProofPolicy{Untested, Expected} {
			l := s.lease("a", policy)
			v := s.comes("home", "")
			require.True(s, l.DropProof())
			s.asked(l).gets(v, 0)
		}
		l, other := s.lease("a", Expected), s.lease("b", Expected)
		require.False(s, l.DropProof())
		require.False(s, other.DropProof())
		require.NoError(s, l.Close())
		require.NoError(s, other.Close())
		quiet(s.T, s.p)
	})
}

// A connection whose handshake goes on, for a lease that has ended, is not handed over in the middle of it.
func TestDropProofDuringHandshake(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.of(bob)
		first := s.lease("a", Untested)
		v := s.comes("home", "stalls a")
		require.NoError(s, first.Close())
		time.Sleep(lateFor)
		l := s.lease("b", Expected)
		require.False(s, v.refused())
		require.False(s, l.DropProof())
		time.Sleep(lingering)
		synctest.Wait()
		require.True(s, l.DropProof())
	})
}

// A connection whose handshake succeeds after its lease has ended is closed.
func TestHandshakeOutlivesLease(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		v := s.comes("home", "slow a")
		time.Sleep(slowShake - time.Millisecond)
		require.NoError(s, l.Close())
		require.False(s, v.refused())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.True(s, v.refused())
		quiet(s.T, s.p)
	})
}

// Everything ends with Close.
func TestCloseWithUnproven(t *testing.T) {
	for _, line := range []string{"", "hello", "stalls a"} {
		proving(t, "21000", func(s *stage) {
			l := s.lease("a", Untested)
			v := s.comes("home", line)
			require.NoError(s, s.p.Close())
			require.True(s, v.refused())
			s.asked(l).fails(ErrClosed, 0)
		})
	}
}

// Closing a lease ends its handshake soon, not at once: a client that ends it in order has a use for the ticket.
func TestCloseDuringHandshake(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		v := s.comes("home", "stalls a")
		require.NoError(s, l.Close())
		time.Sleep(lingering - 1)
		require.False(s, v.refused())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.True(s, v.refused())
		quiet(s.T, s.p)
	})
}

// Sessions of one owner share a port like others, a stuck transfer among them, as long as nobody saw them mix their
// proofs up.
func TestOneOwner(t *testing.T) {
	for _, policy := range []ProofPolicy{Expected, Required} {
		proving(t, "21000", func(s *stage) {
			s.t.owners = map[string]string{"stuck": "alice", "other": "alice"}
			stuck := s.asked(s.lease("stuck", policy))
			other := s.asked(s.lease("other", policy))
			since(s.T, s.start, 0)
			other.gets(s.comes("home", "proof other"), 0)
			stuck.gets(s.comes("home", "proof stuck"), 0)
			quiet(s.T, s.p)
		})
	}
}

// A program that uses the proof of one session for another gets its data all the same, and from then on its sessions
// take turns.
func TestMixedProofs(t *testing.T) {
	for _, told := range []bool{false, true} {
		proving(t, "21000", func(s *stage) {
			s.t.owners = map[string]string{"one": "alice", "two": "alice"}
			r := session(s.t, "one", Expected)
			r.SharesTickets = told
			l := lease(s.T, s.p, r)
			if !told {
				s.asked(l).gets(s.comes("home", "proof two"), 0)
				l = lease(s.T, s.p, r)
			}
			start := time.Now()
			_, err := s.p.Lease(s.Context(), session(s.t, "two", Expected))
			require.ErrorIs(s, err, ErrBusy)
			since(s.T, start, defaultWait)
			require.NoError(s, l.Close())
			quiet(s.T, s.p)
		})
	}
}

// When the mix-up shows only after several shared a port, nobody gets anything that may be another's.
func TestDoubtfulProofs(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.t.owners = map[string]string{"one": "alice", "two": "alice", "three": "alice"}
		one, two := s.lease("one", Expected), s.lease("two", Expected)
		require.True(s, s.comes("home", "proof three").refused())
		require.True(s, s.comes("home", "proof two").refused())
		require.NoError(s, one.Close())
		require.NoError(s, two.Close())
		quiet(s.T, s.p)
	})
}

// A ticket that was only seen says nothing about the owner of its session: whoever shows it keeps no sessions apart and
// has no connection refused.
func TestSeenTicketsMixNothing(t *testing.T) {
	for _, line := range []string{"shows three", "fails three"} {
		for _, from := range []string{"home", "elsewhere"} {
			proving(t, "21000", func(s *stage) {
				s.t.owners = map[string]string{"one": "alice", "two": "alice", "three": "alice"}
				one, two := s.lease("one", Expected), s.lease("two", Expected)
				s.comes(from, line)
				s.asked(one).gets(s.comes("home", "proof one"), 0)
				s.comes(from, line)
				s.asked(two).gets(s.comes("home", "proof two"), 0)
				s.lease("one", Expected)
				s.lease("two", Expected)
				since(s.T, s.start, 0)
			})
		}
	}
}

// A late connection of a session whose lease has ended is not taken for one of its owner's other session.
func TestLateSibling(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.t.owners = map[string]string{"one": "alice", "two": "alice"}
		require.NoError(s, s.lease("two", Expected).Close())
		l := s.lease("one", Expected)
		require.True(s, s.comes("home", "proof two").refused())
		s.asked(l).gets(s.comes("home", "proof one"), 0)
	})
	// Leases that a neighbour or the session itself gave up keep away no connection of the owner's other session.
	for _, gaveUp := range []string{"neighbour", "one"} {
		proving(t, "21000", func(s *stage) {
			s.t.owners = map[string]string{"one": "alice", "two": "alice"}
			require.NoError(s, s.lease(gaveUp, Expected).Close())
			s.asked(s.lease("one", Expected)).gets(s.comes("home", "proof two"), 0)
		})
	}
}

// Servers that share ports have a prover each, and each session is proved by its own.
func TestSeveralProvers(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		another := new(teller)
		mine := s.lease("a", Expected)
		other := lease(s.T, s.p, session(another, "b", Expected))
		first, second := s.asked(mine), s.asked(other)
		first.gets(s.comes("home", "proof a"), 0)
		second.gets(s.comes("home", "proof b"), 0)
		quiet(s.T, s.p)
	})
}

// An owner whose name two servers use is another owner at each: that the one mixes proofs up says nothing about the
// other.
func TestOwnersOfSeveralProvers(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.t.owners = map[string]string{"here one": "alice", "here two": "alice"}
		here, there := &server{s.t, "here"}, &server{&teller{map[string]string{"there": "alice"}}, "there"}
		victim := lease(s.T, s.p, session(there, "there", Expected))
		one := lease(s.T, s.p, session(here, "here one", Expected))
		s.asked(one).gets(s.comes("home", "proof here two"), 0)
		start := time.Now()
		one = lease(s.T, s.p, session(here, "here one", Expected))
		since(s.T, start, 0)
		s.asked(victim).gets(s.comes("home", "proof there"), 0)
		require.NoError(s, one.Close())
		quiet(s.T, s.p)
	})
}

// server is a teller whose sessions have names with one prefix.
type server struct {
	*teller
	prefix string
}

func (p *server) Identify(c net.Conn) (string, net.Conn, error) {
	name, c, err := p.teller.Identify(c)
	if of, ok := c.(told); ok && strings.HasPrefix(of.name, p.prefix) {
		return of.name, c, err
	} else if ok {
		name = ""
	}
	return name, c, err
}

// Sessions of one owner of whom nobody knows yet whether they keep their proofs apart take turns on a port, for as long
// as the queue moves.
func TestUntestedTickets(t *testing.T) {
	for name, apart := range map[string]bool{"untested": true, "tested": false} {
		t.Run(name, func(t *testing.T) {
			proving(t, "21000", func(s *stage) {
				s.t.owners = map[string]string{"one": "alice", "two": "alice"}
				request := func(name string) Request {
					r := session(s.t, name, Expected)
					r.UntestedTickets = apart
					return r
				}
				one := lease(s.T, s.p, request("one"))
				lease(s.T, s.p, session(s.t, "other", Expected))
				since(s.T, s.start, 0)
				two := lease(s.T, s.p, request("two"))
				if apart {
					since(s.T, s.start, joinAfter)
				} else {
					since(s.T, s.start, 0)
				}
				s.asked(two).gets(s.comes("home", "proof two"), 0)
				s.asked(one).gets(s.comes("home", "proof one"), 0)
			})
		})
	}
}

// Behind a session that waits for its connection, each transfer of another session of the owner waits, as long as
// nobody knows whether the owner keeps the tickets apart: a second if the other session has to prove itself, else five.
func TestBehindAStuckSession(t *testing.T) {
	for policy, want := range map[ProofPolicy]time.Duration{Untested: 5 * time.Second, Expected: time.Second, Required: time.Second} {
		proving(t, "21000", func(s *stage) {
			s.t.owners = map[string]string{"stuck": "alice", "other": "alice"}
			request := func(name string, policy ProofPolicy) Request {
				r := session(s.t, name, policy)
				r.UntestedTickets = true
				return r
			}
			stuck := s.asked(lease(s.T, s.p, request("stuck", Untested)))
			for n := range 3 {
				l := lease(s.T, s.p, request("other", policy))
				since(s.T, s.start, time.Duration(n+1)*want)
				s.asked(l).gets(s.comes("home", "proof other"), 0)
			}
			stuck.pending()
		})
	}
}

// Beside a lease of its owner that nobody uses, a session that proves nothing gets a place after five seconds, as it
// does beside the lease of a stranger, though nobody knows whether the owner keeps the tickets apart.
func TestBehindASilentSession(t *testing.T) {
	for _, silent := range []ProofPolicy{Untested, Unlikely, Expected} {
		for _, policy := range []ProofPolicy{Untested, Unlikely} {
			t.Run(fmt.Sprint(silent, policy), func(t *testing.T) {
				proving(t, "21000", func(s *stage) {
					s.t.owners = map[string]string{"silent": "alice", "other": "alice"}
					request := func(name string, policy ProofPolicy) Request {
						r := session(s.t, name, policy)
						r.UntestedTickets = true
						return r
					}
					unused := lease(s.T, s.p, request("silent", silent))
					time.Sleep(time.Second)
					start := time.Now()
					l := lease(s.T, s.p, request("other", policy))
					since(s.T, start, staleAfter)
					s.asked(l).gets(s.comes("home", "hello"), 0)
					s.asked(unused).gets(s.comes("home", "proof silent"), 0)
				})
			})
		}
	}
}
