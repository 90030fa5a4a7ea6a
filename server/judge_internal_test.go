package server

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A login that is judged at once is never in line. So a client that pipes its
// commands in and stops sending meanwhile is still logged in.
func TestJudgeTellsOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &judge{places: func() int { return 1 }}
		var told []bool
		enter := func(user string, inLine func(bool)) *turn {
			turn, err := j.enter(t.Context(), entrant{from: network(netip.MustParseAddr("192.0.2.1")), user: user, inLine: inLine})
			require.NoError(t, err)
			return turn
		}
		first := enter("alice", func(bool) { require.Fail(t, "nobody was before") })
		go func() {
			j.leave(enter("bob", func(in bool) { told = append(told, in) }), accepted)
		}()
		synctest.Wait()
		require.Equal(t, []bool{true}, told)
		j.leave(first, accepted)
		synctest.Wait()
		require.Equal(t, []bool{true, false}, told)
	})
}
