package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// span is where FreePorts looks: outside the range from which the system takes
// the ports of outgoing connections, since a program that connects to somewhere
// could take a port before the test opens it. It lies above the ports that
// examples and the benchmark use.
var span = sync.OnceValues(func() (first, end int) {
	low, high, err := outgoing()
	switch {
	case err != nil: // 49152 and up, on systems that don't tell
		return 22200, 32768
	case low >= 24000:
		return 22200, low
	case high < 60000:
		return high + 1, 65536
	}
	return 22200, 32768
})

// outgoing returns the range of ports for outgoing connections.
func outgoing() (low, high int, err error) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		_, err = fmt.Sscan(string(text), &low, &high)
	}
	return low, high, err
}

// nextPort is where FreePorts goes on, so that tests of a process which run side
// by side don't get the same ports. Other processes begin somewhere else.
var nextPort atomic.Int64

func init() { nextPort.Store(rand.Int64N(1 << 16)) }

// FreePorts returns the first of n ports in a row that are free on every address.
// Until the test ends nobody else gets one of them here, in this process or
// another.
func FreePorts(t testing.TB, n int) int {
	t.Helper()
	low, end := span()
	for range 1000 {
		first := low + (int(nextPort.Add(int64(n)))-n)%(end-low-n)
		if held := reserve(first, n); held != nil {
			t.Cleanup(func() { letGo(held) })
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// FreePortSet returns n ports as FreePorts does, as a set in the form of package
// passive, such as "23000-23002".
func FreePortSet(t testing.TB, n int) string {
	t.Helper()
	first := FreePorts(t, n)
	if n == 1 {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d-%d", first, first+n-1)
}

// FreeAddr returns an address of this host with a port that is free as those of
// FreePorts.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePorts(t, 1))
}

// reserve returns a hold on n ports that are free, nil if one of them isn't. It
// holds the ports of UDP with the same numbers: no test needs those, and two
// callers of reserve can't have the same ones.
func reserve(first, n int) (held []net.PacketConn) {
	for port := first; port < first+n; port++ {
		lock, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		if err != nil {
			letGo(held)
			return nil
		}
		held = append(held, lock)
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			letGo(held)
			return nil
		}
		ln.Close()
	}
	return held
}

func letGo(held []net.PacketConn) {
	for _, lock := range held {
		lock.Close()
	}
}
