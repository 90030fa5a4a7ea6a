package server

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A guess waits as long at a server that was told of the refusals of another as at the other, however often it was
// told, and whoever logged in there is known. What the servers refuse in turn counts together.
func TestRefusedElsewhere(t *testing.T) {
	now := time.Now().Round(0).Add(-time.Minute)
	judged := func(srv *Server, i int, user string, v verdict) {
		w := srv.judge.guard.ask(net4(i), user, 0, now)
		srv.judge.guard.start(w, now)
		srv.judge.guard.done(w, v, now)
	}
	at := func(srv *Server, i int, user string) (due time.Time, known bool) {
		w := srv.judge.guard.ask(net4(i), user, 0, now)
		due, ok := w.due()
		require.True(t, ok)
		srv.judge.guard.drop(w)
		return due, w.known
	}
	tell := func(to, from *Server, since time.Time) {
		text, err := json.Marshal(from.Refusals(since))
		require.NoError(t, err)
		var r Refusals
		require.NoError(t, json.Unmarshal(text, &r))
		to.RefusedElsewhere(r)
	}
	var one, other Server
	for range 3 {
		now = now.Add(longestDelay)
		judged(&one, 1, "alice", refused)
	}
	judged(&one, 2, "bob", accepted)
	for range 2 {
		tell(&other, &one, time.Time{})
		for user, want := range map[string]time.Duration{"alice": 4 * firstDelay, "ALICE": 4 * firstDelay} {
			due, _ := at(&other, 1, user)
			require.Equal(t, want, due.Sub(now), user)
		}
		due, _ := at(&one, 1, "carol")
		again, known := at(&other, 1, "carol")
		require.True(t, again.Equal(due), "the network has no more refusals at once: %v", again.Sub(due))
		require.False(t, known)
		_, known = at(&other, 2, "bob")
		require.True(t, known)
	}
	began := now
	now = now.Add(time.Second)
	judged(&other, 1, "alice", refused)
	require.Empty(t, one.Refusals(now))
	tell(&one, &other, now)
	due, _ := at(&one, 1, "alice")
	require.Equal(t, 8*firstDelay, due.Sub(now), "the fourth")
	require.Len(t, one.Refusals(now).Pairs, 1)
	require.Empty(t, one.Refusals(now).Known)
	require.Len(t, one.Refusals(began).Known, 1)

	one.RefusedElsewhere(Refusals{Pairs: []Refused{{Key: []byte("short"), Count: 1, Last: now}, {Count: 1, Last: now}}, Known: []KnownPair{{}}})
	require.Len(t, one.judge.guard.pairs, 1)
	require.Len(t, one.judge.guard.known, 1)
}
