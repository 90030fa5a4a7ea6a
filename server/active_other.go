//go:build !unix

package server

import "syscall"

// reuseAddr does nothing where SO_REUSEADDR would let another program take the
// port over (Windows).
func reuseAddr(string, string, syscall.RawConn) error { return nil }
