package tls

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when a goroutine or a pooled buffer outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := survivors(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines survive:\n%s\n", left)
		code = 1
	}
	if n := buffersOut.Load(); code == 0 && n != 0 {
		fmt.Fprintf(os.Stderr, "%d buffers were not returned\n", n)
		code = 1
	}
	os.Exit(code)
}

// survivors returns the stacks of this package's goroutines, if some are left
// after a while.
func survivors() string {
	var left []string
	for range 50 {
		left = nil
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for _, stack := range strings.Split(string(stacks), "\n\n")[1:] {
			if strings.Contains(stack, "sallyport/tls") || strings.Contains(stack, "crypto/tls") {
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
