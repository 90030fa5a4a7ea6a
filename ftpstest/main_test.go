package ftpstest_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// No goroutine survives the tests.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	status := m.Run()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			os.Exit(status)
		}
		time.Sleep(20 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "goroutines were left behind:\n%s", buf[:runtime.Stack(buf, true)])
	os.Exit(1)
}
