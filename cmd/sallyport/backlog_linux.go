package main

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropWaiting closes the connections of a listener that nobody has accepted
// yet.
func dropWaiting(ln net.Listener) {
	own, ok := ln.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := own.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		for {
			conn, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC)
			if err != nil {
				return
			}
			unix.SetsockoptLinger(conn, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			unix.Close(conn)
		}
	})
}
