package passive

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// of makes a lease of a session at another address.
func (s *stage) of(addr netip.Addr) *Lease {
	r := session(s.t, "of "+addr.String(), Expected)
	r.Client = addr
	return lease(s.T, s.p, r)
}

// A connection that was there before a lease which can prove nothing is not taken for the connection of that lease,
// whatever it says and whenever. Such a connection waits because of a session of another address, or of a neighbour,
// that can prove itself.
func TestConnectionBeforeTheLeaseInClear(t *testing.T) {
	for _, line := range []string{"", "hello", "shows of 127.0.0.3"} {
		for _, policy := range []ProofPolicy{Unlikely, Waived} {
			proving(t, "21000", func(s *stage) {
				s.of(bob)
				before := s.comes("home", "")
				r := ask(alice)
				if policy == Waived {
					r = session(s.t, "honest", Waived)
				}
				l := lease(s.T, s.p, r)
				if line != "" {
					before.say(line)
				}
				take := s.asked(l)
				take.pending()
				if line != "shows of 127.0.0.3" {
					require.True(s, before.refused())
				}
				take.gets(s.comes("home", "hello"), 0)
			})
		}
	}
}

// A connection that was there before a lease which drops its proof is not taken for the connection of that lease
// either.
func TestConnectionBeforeDropProof(t *testing.T) {
	for _, line := range []string{"", "hello"} {
		proving(t, "21000", func(s *stage) {
			first := s.lease("a", Expected)
			before := s.comes("home", "")
			l := s.lease("b", Expected)
			require.NoError(s, first.Close())
			if line != "" {
				before.say(line)
			}
			if l.DropProof() {
				take := s.asked(l)
				take.pending()
				require.True(s, before.refused())
				take.gets(s.comes("home", ""), 0)
			}
		})
	}
}

// A connection that comes a moment after a lease was given up may be that lease's. It is not taken for the connection
// of another lease on the port that drops its proof, nor is a later one if that lease was there when the first was
// given up.
func TestLateConnectionAndDropProof(t *testing.T) {
	for _, pause := range []time.Duration{0, lateFor} {
		proving(t, "21000", func(s *stage) {
			first := lease(s.T, s.p, ask(alice))
			require.NoError(s, first.Close())
			time.Sleep(pause)
			l := s.lease("b", Expected)
			v := s.comes("home", "")
			if pause == 0 {
				require.False(s, l.DropProof())
				return
			}
			require.True(s, l.DropProof())
			s.asked(l).gets(v, 0)
		})
	}
	proving(t, "21000", func(s *stage) {
		l, neighbour := s.lease("a", Expected), s.lease("b", Expected)
		require.NoError(s, neighbour.Close())
		s.comes("home", "")
		require.False(s, l.DropProof())
	})
}
