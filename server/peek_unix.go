//go:build unix

package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// inputWaits reports, without reading, whether something has arrived on a
// connection: data, an end or an error.
func inputWaits(conn *net.TCPConn) (waits, known bool) {
	if conn == nil {
		return false, false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, false
	}
	failed := raw.Control(func(fd uintptr) { waits = hasInput(fd) })
	return waits, failed == nil
}

// hasInput reports whether a read of a socket would not wait. It asks by poll and
// does not peek. After a reset, peeking would take the error off the socket, and
// the read that follows would find an orderly end.
func hasInput(fd uintptr) bool {
	happened, err := pollNow(fd, unix.POLLIN)
	return happened != 0 || err != nil && err != syscall.EINTR
}

// dropInput drops the input that has arrived on a connection. It does not wait.
func dropInput(conn *net.TCPConn) (state found) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return inputEnded
	}
	var buf [4096]byte
	failed := raw.Control(func(fd uintptr) {
		for sum := 0; sum < dropMost; {
			n, err := unix.Read(int(fd), buf[:])
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				return
			case n <= 0:
				state = inputEnded
				return
			}
			sum += n
			state = inputCame
		}
	})
	if failed != nil {
		return inputEnded
	}
	return state
}
