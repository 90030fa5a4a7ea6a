package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// Parts are killed at random while clients store, append and combine. What a client was told to be stored is there
// once and whole, nothing is left over, and the keeper goes on all the time.
func TestSplitKilledAtRandom(t *testing.T) {
	s := startSplit(t, "", 20)
	acked := &acknowledged{records: map[string][]string{}}
	keeper := s.processes(t)["keeper"]
	var over atomic.Bool
	var wg sync.WaitGroup
	for i, do := range []func(c *ftpclient.Client, id string) (string, error){appendTo("log"), appendTo("log"), replace, combine} {
		wg.Go(func() {
			for n := 0; !over.Load(); {
				c, err := s.dial(t, "alice")
				for ; err == nil && !over.Load(); n++ {
					id := fmt.Sprintf("%d-%06d", i, n)
					var file string
					if file, err = do(c, id); err == nil {
						acked.add(file, id)
					}
				}
			}
		})
	}
	for range 4 * kills() {
		time.Sleep(time.Duration(rand.Int64N(int64(250 * time.Millisecond))))
		out, code := s.ask(t, nil, "status")
		if code != 0 { // no engine serves yet
			require.NotContains(t, out, "no server")
			continue
		}
		all := s.processes(t)
		delete(all, "keeper")
		names := slices.Sorted(maps.Keys(all))
		name := names[rand.IntN(len(names))]
		t.Logf("kill %s", name)
		syscall.Kill(all[name].PID, syscall.SIGKILL)
	}
	over.Store(true)
	wg.Wait()
	c := s.dialAgain(t, "alice")
	verify(t, c, acked)
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(filepath.Join(s.homes, "alice"))
		require.NoError(t, err)
		return !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".sallyport-") })
	}, time.Minute, 10*time.Millisecond, "nothing is left over")
	require.Equal(t, keeper, s.processes(t)["keeper"])
	t.Logf("acknowledged and there: %d appends, %d versions, %d combined",
		len(acked.records["log"]), len(acked.records["version"]), len(acked.records["all"]))
}
