package passive

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// loggingIn is a teller to whose session "two" somebody logs in late, or never.
type loggingIn struct {
	*teller
	in atomic.Bool
}

func (t *loggingIn) OwnerOf(session string) string {
	if session == "two" && !t.in.Load() {
		return ""
	}
	return t.teller.OwnerOf(session)
}

// A claim to a session that somebody is logging in to waits until it is known for whose sessions it counts, for a
// bounded time. Then it counts for nothing.
func TestClaimBeforeLogin(t *testing.T) {
	for _, login := range []bool{true, false} {
		proving(t, "21000", func(s *stage) {
			s.t.owners = map[string]string{"one": "alice", "two": "alice"}
			prover := &loggingIn{teller: s.t}
			take := s.asked(lease(s.T, s.p, session(prover, "one", Expected)))
			own := s.comes("home", "proof two")
			time.Sleep(time.Second)
			prover.in.Store(login)
			const after = 1270 * time.Millisecond // 10 + 20 + 40 + ... + 640
			time.Sleep(after - time.Second - 1)
			synctest.Wait()
			require.False(s, own.refused())
			take.pending()
			if login {
				take.gets(own, after)
				return
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.True(s, own.refused())
			take.pending()
		})
	}
}

// The connection of a lease is known without an owner of the session, and so without a login.
func TestClaimWithoutOwner(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		take := s.asked(lease(s.T, s.p, session(&loggingIn{teller: s.t}, "two", Expected)))
		take.gets(s.comes("home", "proof two"), 0)
	})
}
