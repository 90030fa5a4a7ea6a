package passive

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that never resumes is served on its first transfer, too, beside any number of sessions of its address that
// have a port and do not use it. A session that asks for its transfer afterwards is told why it gets no connection, and
// the next lease of that session works.
func TestFirstTransferBesideUnusedLeases(t *testing.T) {
	for _, silent := range []int{2, 3, 11} {
		proving(t, "21000", func(s *stage) {
			unused := make(chan *Lease, silent)
			for i := range silent {
				go func() {
					l, _ := s.p.Lease(s.Context(), session(s.t, fmt.Sprint("silent", i), Untested))
					unused <- l
				}()
				synctest.Wait()
			}
			take := s.asked(s.lease("python", Untested))
			since(s.T, s.start, staleAfter)
			take.gets(s.comes("home", "hello"), othersWait)
			var late []*taking
			for range silent {
				late = append(late, s.asked(<-unused))
			}
			for _, l := range late {
				l.fails(ErrAmbiguous, proofWait)
			}
			take = s.asked(s.lease("silent0", Untested))
			take.gets(s.comes("home", "hello"), 0)
			quiet(s.T, s.p)
		})
	}
	// A session that asks for its transfer meanwhile has as good a right to the connection.
	proving(t, "21000", func(s *stage) {
		first, python := threeOnOnePort(s)
		v := s.comes("home", "hello")
		time.Sleep(othersWait - 1)
		python.pending()
		other := s.asked(first)
		require.True(s, v.refused())
		python.fails(ErrAmbiguous, othersWait-1+proofWait)
		other.fails(ErrAmbiguous, proofWait)
	})
	// So has a session whose client connects meanwhile.
	proving(t, "21000", func(s *stage) {
		_, python := threeOnOnePort(s)
		v := s.comes("home", "hello")
		second := s.comes("home", "hello")
		require.True(s, v.refused() && second.refused())
		python.fails(ErrAmbiguous, proofWait)
	})
}

// threeOnOnePort returns an unused lease and another on the same port whose transfer is asked for: a connection without
// proof may be for either. A third, before them, has given way.
func threeOnOnePort(s *stage) (unused *Lease, asked *taking) {
	s.lease("retired", Untested)
	got := make(chan *Lease, 1)
	go func() {
		l, _ := s.p.Lease(s.Context(), session(s.t, "unused", Untested))
		got <- l
	}()
	synctest.Wait()
	asked = s.asked(s.lease("python", Untested))
	return <-got, asked
}

// A lease that gave way says so.
func TestRetiredSaysSo(t *testing.T) {
	proving(t, "21000", func(s *stage) {
		first := s.lease("first", Unlikely)
		s.lease("second", Unlikely)
		s.asked(first).fails(ErrRetired, proofWait)
	})
}

// A lease that may be given up is kept only for a connection that may be its own.
func TestCloseUnused(t *testing.T) {
	for name, test := range map[string]struct {
		before, from, line string
		late               string // what it says a moment before its time to speak is over
		stays              bool
		after              time.Duration // when the lease is over, if not at once
	}{
		"nobody came":                        {},
		"one says nothing":                   {from: "home", after: lateFor},
		"its connection speaks in time":      {from: "home", late: "proof a", stays: true},
		"its connection has spoken":          {from: "home", line: "hello", stays: true},
		"its connection is there":            {from: "home", line: "proof a", stays: true},
		"one came before":                    {before: "home"},
		"one waits elsewhere":                {from: "elsewhere"},
		"one from elsewhere is being judged": {from: "elsewhere", line: "stalls a", stays: true},
		"one from elsewhere fails":           {from: "elsewhere", line: "fails a"},
	} {
		t.Run(name, func(t *testing.T) {
			proving(t, "21000", func(s *stage) {
				if test.before != "" {
					other := s.lease("b", Untested)
					s.comes(test.before, "")
					defer other.Close()
					synctest.Wait()
				}
				l := s.lease("a", Untested)
				var v *visitor
				if test.from != "" {
					v = s.comes(test.from, test.line)
				}
				synctest.Wait()
				start := time.Now()
				l.CloseUnused()
				if test.late != "" {
					time.Sleep(lateFor - 1)
					v.say(test.late)
				}
				if !test.stays {
					<-l.done
					since(s.T, start, test.after)
					s.asked(l).fails(ErrClosed, 0)
				} else {
					time.Sleep(2 * lateFor)
					require.False(s, l.Over())
				}
				l.Close()
			})
		})
	}
}
