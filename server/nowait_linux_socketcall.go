//go:build linux && (386 || s390x)

package server

import "golang.org/x/sys/unix"

// quickAck sends the acknowledgement that the kernel would delay.
func quickAck(fd uintptr) {
	unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}
