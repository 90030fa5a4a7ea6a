package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// FreePorts returns the first of n ports in a row that are free on every address,
// from below the range that systems take the ports of outgoing connections from.
func FreePorts(t testing.TB, n int) int {
	t.Helper()
next:
	for range 1000 {
		first := 20000 + rand.IntN(10000)
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
