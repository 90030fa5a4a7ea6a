//go:build linux && !386 && !s390x

package server

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// leastAhead bounds what the kernel keeps of a download beyond what it has sent. A send
	// buffer grows to megabytes. Clients that stall would fill theirs, and with many of
	// them the kernel runs short of memory for all. For a client that has taken several
	// times as much (aheadTimes) the bound is doubled, up to mostAhead, since waiting
	// rarely costs less.
	leastAhead = 512 << 10
	mostAhead  = 4 << 20
	aheadTimes = 8
	// enoughRoom bytes of room are worth a write: with so much room, or with a third of the
	// send buffer if that is less, roomNow does not ask for a wait until there is more.
	enoughRoom = 256 << 10
	// someRoom bytes are the least that awaitRoom returns when the kernel says that a socket
	// can be written to.
	someRoom = 2 << 10
)

// sendAhead sets how much the kernel takes beyond what it can send.
func sendAhead(raw syscall.RawConn, n int) {
	raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, n)
	})
}

// roomNow returns how many bytes the kernel takes at once, and reports whether these are
// worth a write. A connection that was closed has no room: awaitRoom then returns the
// reason.
func roomNow(raw syscall.RawConn, ahead int) (n int, ok bool) {
	var size int
	if raw.Control(func(fd uintptr) { n, size = roomOf(fd, ahead) }) != nil {
		return 0, false
	}
	return n, n > 0 && n >= min(enoughRoom, size/3)
}

// awaitRoom waits until a third of the send buffer is free and half of ahead, or
// until the deadline for writing. It returns how many bytes the kernel takes at once.
func awaitRoom(raw syscall.RawConn, ahead int) (n int, err error) {
	err = raw.Write(func(fd uintptr) bool {
		// pollNow also has the kernel report when the socket becomes ready.
		if ready, err := pollNow(fd, unix.POLLOUT); err != nil || ready == 0 {
			return false
		}
		n, _ = roomOf(fd, ahead)
		n = max(n, someRoom)
		return true
	})
	return n, err
}

// roomOf returns how much a socket takes at once, and the size of its send buffer.
func roomOf(fd uintptr, ahead int) (free, size int) {
	var info [9]uint32 // SK_MEMINFO_VARS of linux/sock_diag.h
	const sndbuf, queued = 3, 5
	length := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return unknownRoom, 0 // Linux before 4.12, or a socket that is closed
	}
	free, size = int(info[sndbuf])-int(info[queued]), int(info[sndbuf])
	if waiting, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQNSD); err == nil {
		free = min(free, ahead-waiting)
	}
	return free, size
}

// unsent returns how many bytes the other end has not acknowledged.
func unsent(raw syscall.RawConn) (n int) {
	raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}

// awaitInput waits until there is something to read, or until the deadline.
func awaitInput(raw syscall.RawConn) {
	raw.Read(hasInput)
}
