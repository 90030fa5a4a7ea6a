package server_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when a goroutine of the server, of its ports or of its TLS
// outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := survivors(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines survive:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// survivors returns the stacks of the goroutines that are neither this one's
// nor the runtime's, if some are left after a while.
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
