package testenv

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Main runs a package's tests and ends the process. It fails when a goroutine of
// this module or of crypto/tls outlives them, and when one of the checks returns
// a complaint.
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
func Main(m *testing.M, checks ...func() (complaint string)) {
	code := m.Run()
	for _, check := range append([]func() string{survivors}, checks...) {
		if complaint := check(); code == 0 && complaint != "" {
			fmt.Fprintln(os.Stderr, complaint)
			code = 1
		}
	}
	os.Exit(code)
}

// survivors names the goroutines that should be gone, after giving them a
// moment to go.
func survivors() string {
	var left []string
	for range 100 {
		left = nil
		stacks := make([]byte, 4<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for _, stack := range strings.Split(string(stacks), "\n\n")[1:] { // the first is this one
			if strings.Contains(stack, "sallyport") || strings.Contains(stack, "crypto/tls") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "goroutines survive the tests:\n" + strings.Join(left, "\n\n")
}
