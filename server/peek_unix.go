//go:build unix

package server

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// inputWaits reports whether something has arrived on a connection, its end
// included, without reading it.
func inputWaits(conn *net.TCPConn) (waits, known bool) {
	if conn == nil {
		return false, false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, false
	}
	var b [1]byte
	failed := raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		waits = err != syscall.EAGAIN && err != syscall.EINTR
	})
	return waits, failed == nil
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
