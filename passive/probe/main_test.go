package probe

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain fails when a goroutine of the probe outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := survivors(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines survive:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// survivors returns the stacks of goroutines that should be gone, if some are left after a while.
func survivors() string {
	var left []string
	for range 100 {
		left = nil
		stacks := make([]byte, 4<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for _, stack := range strings.Split(string(stacks), "\n\n")[1:] {
			if strings.Contains(stack, "sallyport") || strings.Contains(stack, "crypto/tls") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return strings.Join(left, "\n\n")
}

// nextBlock is where the next block of ports may start. Tests run side by side, so none gets another's.
var nextBlock atomic.Int64

func init() { nextBlock.Store(20000 + rand.Int64N(8000)) }

// freeBlock finds so many free ports side by side, below those that systems take for outgoing connections.
func freeBlock(t *testing.T, n int) int {
	t.Helper()
next:
	for range 100 {
		low := int(nextBlock.Add(int64(n))) - n
		for port := low; port < low+n; port++ {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				continue next
			}
			ln.Close()
		}
		return low
	}
	t.Fatal("no free ports")
	return 0
}
