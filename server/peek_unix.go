//go:build unix

package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// inputWaits reports whether something has arrived on a connection, its end
// included, without reading it. It knows only of TCP connections: one that is
// wrapped may have read ahead.
func inputWaits(conn net.Conn) (waits, known bool) {
	raw := plainTCP(conn)
	if raw == nil {
		return false, false
	}
	var b [1]byte
	failed := raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		waits = err != syscall.EAGAIN && err != syscall.EINTR
	})
	return waits, failed == nil
}
