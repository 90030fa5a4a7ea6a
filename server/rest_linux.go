//go:build linux && (amd64 || arm64)

package server

import (
	"net"
	"syscall"
	"unsafe"
)

// awaitInput returns when a connection has something to read or has ended, or at
// its read deadline. It takes no bytes and next to no stack, which is why it is a
// bare system call: a goroutine that waits in Read has one of twice the size.
func awaitInput(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	var b byte
	raw.Read(func(fd uintptr) bool {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1,
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		return errno != syscall.EAGAIN
	})
}
