//go:build linux && !386 && !s390x

package server

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// enoughRoom is not waited for to grow.
	enoughRoom = 256 << 10
	// someRoom is returned at least when the kernel says that a socket can be
	// written to.
	someRoom = 2 << 10
)

// roomNow returns how many bytes the kernel takes at once, and reports whether
// those are worth a write. A connection that was closed has no room: the wait for
// it says why.
func roomNow(raw syscall.RawConn) (n int, ok bool) {
	var size int
	if raw.Control(func(fd uintptr) { n, size = roomOf(fd) }) != nil {
		return 0, false
	}
	return n, n > 0 && n >= min(enoughRoom, size/3)
}

// awaitRoom waits until a third of the send buffer is free, or until the deadline
// for writing. It returns how many bytes the kernel takes at once.
func awaitRoom(raw syscall.RawConn) (n int, err error) {
	err = raw.Write(func(fd uintptr) bool {
		// Asked so, the kernel will also report when that has changed.
		p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if ready, err := unix.Poll(p[:], 0); err != nil || ready == 0 {
			return false
		}
		n, _ = roomOf(fd)
		n = max(n, someRoom)
		return true
	})
	return n, err
}

// roomOf returns how much of the send buffer of a socket is free, and its size.
func roomOf(fd uintptr) (free, size int) {
	var info [9]uint32 // SK_MEMINFO_VARS of linux/sock_diag.h
	const sndbuf, queued = 3, 5
	length := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return unknownRoom, 0 // Linux before 4.12, or a socket that is closed
	}
	return int(info[sndbuf]) - int(info[queued]), int(info[sndbuf])
}

// unsent returns how many bytes the other end has not acknowledged.
func unsent(raw syscall.RawConn) (n int) {
	raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}
