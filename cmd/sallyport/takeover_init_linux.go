package main

import (
	"os"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

// init reserves the main thread of a keeper that takes over: the parts that live are children
// of that thread.
func init() {
	if strings.HasPrefix(os.Getenv(takeOverVariable), toTakeOver) {
		part.KeepMain()
	}
}

// serveMain starts parts on the main thread, and calls rest in another goroutine, if init has
// reserved that thread. Otherwise it returns at once.
func serveMain(rest func()) { part.ServeMain(rest) }
