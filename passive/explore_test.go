package passive

import (
	"fmt"
	"hash/maphash"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// right has no mistakes: it holds the functions of the real table.
var right = mistakes{judge: judge, fits: (*group).fits, unsorted: (*group).unsorted}

// exploration visits states breadth first. States that differ only in names count as one, which is remembered by a
// hash.
type exploration struct {
	scope
	model  model
	limit  int // of states; 0 is none
	seed   maphash.Seed
	seen   map[uint64]struct{}
	steps  []step // how each state was come to, by number
	found  string // a complaint, with the events that lead to it
	events int
	depth  int
	whole  bool // nothing is left to be visited
}

type step struct {
	from int32
	by   event
}

type visited struct {
	state modelState
	step  int32
}

// explore visits the states of a scope until it finds something wrong.
func explore(in scope, with mistakes, limit int) *exploration {
	x := &exploration{scope: in, model: model{mistakes: with, ports: in.ports, manyStrikes: max(in.strikes, fewStrikes+1), sessionStrikes: in.strikes > 0}, limit: limit, seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
	x.steps = []step{{from: none}}
	level := []visited{{}}
	for len(level) > 0 && x.found == "" && !x.full() {
		level = x.level(level)
		x.depth++
	}
	x.whole = len(level) == 0 && x.found == ""
	return x
}

func (x *exploration) full() bool { return x.limit > 0 && len(x.seen) >= x.limit }

// level visits the states that follow those of one depth, and returns the new ones.
func (x *exploration) level(states []visited) (next []visited) {
	for i := range states {
		v := &states[i]
		x.model.modelState = v.state
		for _, e := range x.model.options(x.scope) {
			x.model.modelState = v.state
			x.model.happen(e)
			x.events++
			if why := x.model.broken(&v.state, e); why != "" {
				x.complain(v.step, e, why)
				return nil
			}
			key := x.model.key(x.scope)
			hash := maphash.Bytes(x.seed, key[:])
			if _, ok := x.seen[hash]; ok {
				continue
			}
			x.seen[hash] = struct{}{}
			x.steps = append(x.steps, step{v.step, e})
			next = append(next, visited{x.model.modelState, int32(len(x.steps) - 1)})
			if why := x.model.stuck(); why != "" {
				x.complain(v.step, e, why)
				return nil
			}
			if x.full() {
				return next
			}
		}
	}
	return next
}

// complain says what is wrong and how it comes to that.
func (x *exploration) complain(after int32, last event, why string) {
	way := []string{last.String()}
	for after > 0 {
		way = append(way, x.steps[after].by.String())
		after = x.steps[after].from
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, after %d events:\n", why, len(way))
	for i := len(way) - 1; i >= 0; i-- {
		b.WriteString("\t" + way[i] + "\n")
	}
	x.found = b.String()
}

// scopes lists what the tests explore: some to their end, the larger ones as far as time allows.
var scopes = []scope{
	{name: "claims that fail", sessions: 1, ports: 1, conns: 1, policies: []ProofPolicy{Required}, strikes: maxStrikes + 1},
	{name: "a queue", sessions: 3, ports: 1, conns: 1, policies: []ProofPolicy{Expected, Unlikely, inClear}, limit: 50000},
	{name: "guests", sessions: 2, ports: 1, conns: 2, policies: []ProofPolicy{Untested}, limit: 100000},
	{name: "two connections", sessions: 1, ports: 1, conns: 2, policies: modelPolicies},
	{name: "three connections", sessions: 1, ports: 1, conns: 3, policies: modelPolicies, away: true, limit: 150000},
	{name: "one owner", sessions: 2, ports: 1, conns: 2, policies: modelPolicies, limit: 150000},
	{name: "tickets not known to be apart", sessions: 2, ports: 1, conns: 2, policies: []ProofPolicy{Untested, Expected, Unlikely}, untested: true, limit: 100000},
	{name: "everybody", sessions: 3, ports: 2, conns: 3, policies: modelPolicies, away: true, limit: 150000},
}

// exploreEnv names the environment variable that says how many states of each scope to visit at most, for a longer run
// than that of every day; 0 is no bound, and takes more memory than most machines have.
//
//	SALLYPORT_EXPLORE=5000000 go test -run TestExplore -v ./passive
const exploreEnv = "SALLYPORT_EXPLORE"

// Nothing that can happen breaks a promise.
func TestExplore(t *testing.T) {
	t.Parallel()
	states := 0
	for _, in := range scopes {
		start := time.Now()
		x := explore(in, right, exploreLimit(in))
		left := "and others"
		if x.whole {
			left = "and no more"
		}
		t.Logf("%s: %d states %s, %d events, up to %d in a row, %v", in.name, len(x.seen), left, x.events, x.depth, time.Since(start).Round(time.Millisecond))
		require.Empty(t, x.found, in.name)
		states += len(x.seen)
	}
	t.Logf("%d states in all", states)
	if os.Getenv(exploreEnv) == "" && !raceEnabled {
		require.GreaterOrEqual(t, states, 100000)
	}
}

// exploreLimit returns how many states of a scope to visit: few under the race detector, which has nothing to find in
// one goroutine.
func exploreLimit(in scope) int {
	if n, err := strconv.Atoi(os.Getenv(exploreEnv)); err == nil {
		return n
	}
	if raceEnabled {
		return 5000
	}
	return in.limit
}
