//go:build unix

package main

import (
	"errors"
	"syscall"
)

// isRefused reports whether an error means that the socket exists but nobody
// listens on it.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
