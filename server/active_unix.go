//go:build unix

package server

import "syscall"

// reuseAddr lets several sockets share a local port as long as they have
// different peers.
func reuseAddr(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
	if err != nil {
		return err
	}
	return set
}
