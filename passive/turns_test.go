package passive

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// asks begins a call of Lease, and ends it with the test. The channel gets the lease that was granted, nil for none.
func (s *stage) asks(r Request) (granted chan *Lease, giveUp context.CancelFunc) {
	s.Helper()
	ctx, giveUp := context.WithCancel(s.Context())
	s.Cleanup(giveUp)
	granted = make(chan *Lease, 1)
	go func() {
		l, _ := s.p.Lease(ctx, r)
		granted <- l
	}()
	synctest.Wait()
	return granted, giveUp
}

// A session that may share a port does not wait because another waits for a place of another kind.
func TestSharingPassesThoseWhoCannot(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.asked(s.lease("a", Unlikely))
		s.asks(session(s.t, "b", Unlikely))
		require.Equal(s, 1, s.p.Stats().Waiting)
		s.lease("c", Expected)
		since(s.T, s.start, 0)
	})
}

// A place that is of no use to the first in the queue goes to the next one, which had to wait because of another lease.
func TestPlaceGoesToWhomItFits(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.t.owners = map[string]string{"one": "alice", "two": "alice"}
		r := session(s.t, "one", Expected)
		r.SharesTickets = true
		lease(s.T, s.p, r)
		open := s.lease("a", Unlikely)
		two, _ := s.asks(session(s.t, "two", Expected))
		behind, _ := s.asks(session(s.t, "b", Unlikely))
		require.Equal(s, 2, s.p.Stats().Waiting)
		require.NoError(s, open.Close())
		require.NoError(s, (<-behind).Close())
		require.Empty(s, two)
	})
}

// Waiters behind one that can share with nobody let it have its turn, also when a lease ends that leaves others on the
// port.
func TestAloneKeepsItsTurn(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		first, second := s.lease("a", Expected), s.lease("b", Expected)
		alone, _ := s.asks(ask(alice))
		behind, _ := s.asks(session(s.t, "c", Expected))
		require.NoError(s, first.Close())
		synctest.Wait()
		require.Equal(s, 2, s.p.Stats().Waiting)
		require.Empty(s, behind)
		require.NoError(s, second.Close())
		require.NoError(s, (<-alone).Close())
		require.NoError(s, (<-behind).Close())
	})
}

// Whether newcomers may share a port depends on whether somebody still waits who can share with nobody, whoever else
// has left the queue.
func TestQueueKnowsWhoIsAlone(t *testing.T) {
	for _, leaves := range []string{"alone", "other"} {
		proving(t, "21000", func(s *stage) {
			s.asked(s.lease("a", Unlikely))
			_, other := s.asks(session(s.t, "b", Unlikely))
			_, alone := s.asks(ask(alice))
			if leaves == "alone" {
				alone()
			} else {
				other()
			}
			synctest.Wait()
			require.Equal(s, 1, s.p.Stats().Waiting)
			newcomer, _ := s.asks(session(s.t, "c", Expected))
			require.Equal(s, leaves == "alone", len(newcomer) == 1)
		})
	}
}

// In a queue that moves, a session whose turn never comes waits no longer than its client does.
func TestWaitInAMovingQueue(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		s.p.TTL = time.Hour
		s.asked(s.lease("a", Unlikely))
		go func() {
			for i := 0; s.Context().Err() == nil && time.Since(s.start) < 2*waitLimit; i++ {
				name := fmt.Sprint("b", i)
				l := s.lease(name, Expected)
				s.asked(l).gets(s.comes("home", "proof "+name), 0)
				time.Sleep(4 * time.Second)
			}
		}()
		_, err := s.p.Lease(s.Context(), session(s.t, "c", Unlikely))
		require.ErrorIs(s, err, ErrBusy)
		since(s.T, s.start, waitLimit)
		time.Sleep(2 * waitLimit)
	})
}

// A handshake is done without Accept, also when a call of it has given up.
func TestHandshakeAfterAccept(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Expected)
		for range 2 {
			ctx, cancel := context.WithTimeout(s.Context(), time.Second)
			_, err := l.Accept(ctx)
			cancel()
			require.ErrorIs(s, err, context.DeadlineExceeded)
		}
		v := s.comes("home", "proof a")
		require.Zero(s, s.p.Stats().Leases, "it waits for Accept")
		s.asked(l).gets(v, 0)
	})
}

// One of several calls of Accept that gives up leaves a handshake to the others, and the last does not leave it undone.
func TestHandshakeOfWhoGaveUp(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Expected)
		l.accept(1)
		l.accept(1)
		s.comes("home", "proof a")
		l.accept(-1)
		synctest.Wait()
		require.Equal(s, 1, s.p.Stats().Leases)
		l.accept(-1)
		synctest.Wait()
		require.Zero(s, s.p.Stats().Leases)
	})
}

func TestOver(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l, other := s.lease("a", Expected), s.lease("b", Expected)
		s.comes("home", "proof a")
		require.False(s, l.Over(), "its connection is there")
		require.False(s, other.Over())
		require.NoError(s, other.Close())
		require.True(s, other.Over())
	})
}

// A connection that is there when a lease drops its proof is handed over as it came: what the connection says then is
// not read as a claim. One whose handshake is done can't be handed over.
func TestDropProofAfterConnect(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		v := s.comes("home", "")
		require.True(s, l.DropProof())
		synctest.Wait()
		go v.client.Write([]byte("proof b\n"))
		conn, err := l.Accept(s.Context())
		require.NoError(s, err)
		said := make([]byte, 8)
		_, err = io.ReadFull(conn, said)
		require.NoError(s, err)
		require.Equal(s, "proof b\n", string(said))
	})
	proving(t, "21000", func(s *stage) {
		l := s.lease("a", Untested)
		s.comes("home", "")
		s.comes("home", "hello")
		take := s.asked(l)
		take.pending()
		require.False(s, l.DropProof(), "the handshake of the second is done")
		require.NoError(s, l.Close())
		<-take.done
		require.ErrorIs(s, take.err, ErrClosed)
	})
}
