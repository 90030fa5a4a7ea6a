package testenv

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// No outgoing connection and no other test gets a port that FreePorts has
// returned.
func TestFreePorts(t *testing.T) {
	seen := make(map[int]bool)
	for range 50 {
		first := FreePorts(t, 3)
		for port := first; port < first+3; port++ {
			require.False(t, seen[port], "%d twice", port)
			seen[port] = true
			require.Nil(t, reserve(port, 1), "another process would get it")
			if low, high, err := outgoing(); err == nil && (low > 24000 || high < 60000) {
				require.False(t, low <= port && port <= high)
			}
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			require.NoError(t, err)
			ln.Close()
		}
	}
	var after int
	t.Run("in a test that ends", func(t *testing.T) { after = FreePorts(t, 1) })
	held := reserve(after, 1)
	require.NotNil(t, held)
	letGo(held)
}

func TestFreePortSet(t *testing.T) {
	require.Regexp(t, `^\d+$`, FreePortSet(t, 1))
	require.Regexp(t, `^\d+-\d+$`, FreePortSet(t, 3))
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, FreeAddr(t))
}
