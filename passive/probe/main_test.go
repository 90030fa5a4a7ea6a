package probe

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

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
