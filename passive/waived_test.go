package passive

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Where no proof is wanted the first connection is the session's, whatever that connection says. The handshake is done
// before the transfer is asked for.
func TestWaived(t *testing.T) {
	for _, line := range []string{"proof other", "shows honest", "hello"} {
		proving(t, "21000", func(s *stage) {
			l := s.lease("honest", Waived)
			v := s.comes("home", line)
			require.True(s, isClosed(l.secured), "no handshake")
			require.True(s, s.comes("home", "proof honest").refused(), "a second one")
			time.Sleep(time.Hour)
			s.asked(l).gets(v, 0)
			quiet(s.T, s.p)
		})
	}
	// The client may also say nothing before the transfer is asked for, and has its time to speak from then on.
	proving(t, "21000", func(s *stage) {
		l := s.lease("honest", Waived)
		v := s.comes("home", "")
		time.Sleep(time.Hour)
		take := s.asked(l)
		time.Sleep(time.Second)
		v.say("hello")
		take.gets(v, time.Second)
		l = s.lease("silent", Waived)
		s.comes("home", "")
		take = s.asked(l)
		<-take.done
		require.Error(s, take.err)
		require.Equal(s, defaultHello, take.took)
	})
	// What comes after the transfer was asked for is the caller's to secure.
	proving(t, "21000", func(s *stage) {
		take := s.asked(s.lease("honest", Waived))
		take.gets(s.comes("home", ""), 0)
	})
}

// A handshake that fails is told like one that the caller does.
func TestWaivedFails(t *testing.T) {
	for line, want := range map[string]error{"fails x": errShake, "panics x": ErrPanic} {
		proving(t, "21000", func(s *stage) {
			l := s.lease("honest", Waived)
			v := s.comes("home", line)
			require.True(s, v.refused())
			require.True(s, l.Over())
			s.asked(l).fails(want, 0)
			quiet(s.T, s.p)
		})
	}
}

// A lease that ends during the handshake leaves nothing behind, and neither do its Ports.
func TestWaivedEnds(t *testing.T) {
	for _, end := range []func(*stage, *Lease) error{
		func(_ *stage, l *Lease) error { return l.Close() },
		func(s *stage, _ *Lease) error { return s.p.Close() },
	} {
		for _, line := range []string{"", "hello", "stalls x"} {
			proving(t, "21000", func(s *stage) {
				l := s.lease("honest", Waived)
				v := s.comes("home", line)
				done := make(chan error)
				go func() { done <- end(s, l) }()
				time.Sleep(time.Minute)
				require.NoError(s, <-done)
				synctest.Wait()
				require.True(s, v.refused())
				require.Zero(s, s.p.Stats().Untaken)
			})
		}
	}
}

// Data that will be in clear has no handshake.
func TestWaivedInClear(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("honest", Waived)
		require.True(s, l.DropProof())
		v := s.comes("home", "fails x")
		s.asked(l).gets(v, 0)
	})
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
