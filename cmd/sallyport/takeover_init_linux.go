package main

import (
	"os"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

// init keeps the main thread of a keeper that takes over: the parts that live are its children.
func init() {
	if strings.HasPrefix(os.Getenv(takeOverVariable), toTakeOver) {
		part.KeepMain()
	}
}

// serveMain does what only the main thread can. It returns if that is nothing.
func serveMain(rest func()) { part.ServeMain(rest) }
