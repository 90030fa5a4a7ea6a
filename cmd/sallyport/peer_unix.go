//go:build linux || darwin || freebsd

package main

import (
	"cmp"
	"net"
)

// peerOf asks the system who has connected to a Unix socket. known is true on these systems.
func peerOf(conn net.Conn) (p peer, known bool, err error) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return peer{}, true, err
	}
	failed := raw.Control(func(fd uintptr) { p, err = peerBehind(int(fd)) })
	return p, true, cmp.Or(failed, err)
}
