package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// Where FreePorts looks: below the range that systems take the ports of outgoing
// connections from.
const lowest, span = 20000, 10000

// nextPort is where FreePorts goes on, so that tests which run side by side don't
// get the same ports. Other processes begin somewhere else.
var nextPort atomic.Int64

func init() { nextPort.Store(rand.Int64N(span)) }

// FreePorts returns the first of n ports in a row that are free on every address.
func FreePorts(t testing.TB, n int) int {
	t.Helper()
next:
	for range 1000 {
		first := lowest + (int(nextPort.Add(int64(n)))-n)%(span-n)
		for port := first; port < first+n; port++ {
			ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				continue next
			}
			ln.Close()
		}
		return first
	}
	t.Fatal("no free ports")
	return 0
}
