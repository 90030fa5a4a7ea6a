package passive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/memnet"
)

const walkPort = 21000

// walk is a random way through the states of the model, which the real Ports take as well.
type walk struct {
	t     *testing.T
	rand  *rand.Rand
	model model
	clock walkClock
	past  []string       // for the report
	met   map[string]int // outcomes, of all walks

	ports    *Ports
	net      *memNet
	prover   *puppet
	leases   [modelSessions]*Lease
	asking   [modelSessions]chan answer // calls of Lease
	giveUp   [modelSessions]context.CancelFunc
	policy   [modelSessions]ProofPolicy
	untested [modelSessions]bool
	takes    [modelSessions]*taking
	stop     [modelSessions]context.CancelFunc // ends the call of Lease
	conns    map[uint8]*walkConn
	ids      map[net.Conn]uint8
}

type answer struct {
	lease *Lease
	err   error
}

type walkConn struct {
	by, ticket uint8
	client     net.Conn
	server     *memnet.Conn
}

// walkEnv names the environment variable with the seed of a walk, as a failure prints it, and the number of walks to go
// from there on.
//
//	SALLYPORT_WALK=1234,1 go test -run TestWalks -v ./passive
const walkEnv = "SALLYPORT_WALK"

// The real Ports do what the model does, whatever happens, with times that are faked.
func TestWalks(t *testing.T) {
	t.Parallel()
	defer func(d time.Duration) { lateFor = d }(lateFor)
	lateFor = 0 // see TestAbandonedConnectionComesLate
	seed, n := rand.Uint64(), 20000
	if raceEnabled {
		n /= 20 // each walk takes some ten times as long
	}
	if first, count, ok := strings.Cut(os.Getenv(walkEnv), ","); ok {
		var err error
		seed, err = strconv.ParseUint(first, 10, 64)
		require.NoError(t, err)
		n, err = strconv.Atoi(count)
		require.NoError(t, err)
	}
	t.Logf("%d walks from the seed %d on", n, seed)
	met := make(map[string]int)
	for i := 0; i < n && !t.Failed(); i += 100 {
		synctest.Test(t, func(t *testing.T) {
			for j := i; j < min(i+100, n); j++ {
				newWalk(t, seed+uint64(j), met).stroll()
			}
		})
	}
	t.Log(met)
	if n < 1000 {
		return
	}
	for _, what := range []string{"proven", "without proof", "in clear", "sibling", "busy", "limited",
		ErrAmbiguous.Error(), ErrUnproven.Error(), ErrGone.Error(), ErrForeign.Error(), ErrExpired.Error(), ErrClosed.Error()} {
		require.NotZero(t, met[what], "the walks never come to: %s", what)
	}
	for why, name := range reasons {
		require.True(t, met[why.Error()] > 0, "the walks never come to: %s", name)
	}
}

func newWalk(t *testing.T, seed uint64, met map[string]int) *walk {
	w := &walk{
		t: t, met: met, rand: rand.New(rand.NewPCG(seed, 0)), past: []string{fmt.Sprintf("seed %d", seed)},
		model: model{mistakes: right, ports: modelPorts, manyStrikes: maxStrikes + 1, sessionStrikes: true},
		conns: make(map[uint8]*walkConn), ids: make(map[net.Conn]uint8),
	}
	w.ports, w.net = memPorts(t, "21000-21001")
	w.prover = &puppet{fates: make(map[net.Conn]chan happening)}
	return w
}

// stroll goes the walk and checks that nothing is left at its end.
func (w *walk) stroll() {
	defer w.abandon()
	for range 24 {
		w.pass(w.pause())
		if e, ok := w.choose(); ok {
			w.do(e)
		}
	}
	for s := range w.leases {
		if w.giveUp[s] != nil {
			w.giveUp[s]()
		}
	}
	synctest.Wait()
	for s := range w.leases {
		w.collect(s)
		if w.leases[s] != nil {
			w.leases[s].Close()
		}
	}
	time.Sleep(lingering + 1)
	synctest.Wait()
	quiet(w.t, w.ports)
	w.require(w.ports.Stats().Unproven == 0, "connections are left")
	for id, c := range w.conns {
		w.require(c.server.Closes() > 0, "connection %d is left", id)
	}
}

// abandon ends everything, however far the walk came.
func (w *walk) abandon() {
	for _, giveUp := range w.giveUp {
		if giveUp != nil {
			giveUp()
		}
	}
	for _, c := range w.conns {
		c.client.Close()
	}
	w.ports.Close()
}

func (w *walk) require(ok bool, text string, args ...any) {
	w.t.Helper()
	if !ok {
		require.Fail(w.t, fmt.Sprintf(text, args...), strings.Join(w.past, "\n\t"))
	}
}

// eagerness weighs the events by how often one is chosen rather than another.
var eagerness = map[happening]int{leases: 4, wants: 4, closes: 1, drops: 1, connects: 8, says: 12, hangsUp: 1, resumes: 16, shakes: 4, breaks: 2}

// choose picks an event among those that time does not bring about.
func (w *walk) choose() (e event, ok bool) {
	var all []event
	var sums []int
	sum := 0
	kinds := make(map[happening]int)
	options := w.model.options(walkScope)
	for _, e := range options {
		kinds[e.what]++
	}
	for _, e := range options {
		if e.what > breaks || e.what == connects && !w.model.proofs(e.b) && w.rand.IntN(10) > 0 {
			continue
		}
		sum += 1000 * eagerness[e.what] / kinds[e.what]
		all, sums = append(all, e), append(sums, sum)
	}
	if sum == 0 {
		return e, false
	}
	i, _ := slices.BinarySearch(sums, 1+w.rand.IntN(sum))
	return all[i], true
}

// do applies an event to the model and the real table, and compares the two. Where chance picks a port the model may
// take either.
func (w *walk) do(e event) {
	if e.what == connects {
		e.d = uint8(len(w.conns) + 1)
	}
	w.past = append(w.past, fmt.Sprintf("%v %v", time.Now().Format("05.000"), e))
	w.act(e)
	synctest.Wait()
	other := e
	switch e.what {
	case leases:
		other.c = 1 - e.c
	case closes:
		other.b = 1 - e.b
	}
	now := time.Now()
	var ways []func(m *model, c *walkClock)
	for _, e := range []event{e, other} {
		for choice := range uint8(modelPorts) {
			ways = append(ways, func(m *model, c *walkClock) {
				m.happen(e)
				c.follow(m, now)
				c.fireDue(m, now, choice)
			})
		}
	}
	w.agree(ways...)
}
