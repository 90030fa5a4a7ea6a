//go:build linux && !386 && !s390x

package server

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pollNow returns which of the events have happened on a file descriptor. It does
// not wait, so it does not tell the scheduler of the call: telling the scheduler
// wakes Go's monitor thread after each idle moment, which costs more than the call.
func pollNow(fd uintptr, events int16) (happened int16, err error) {
	p := unix.PollFd{Fd: int32(fd), Events: events}
	var none unix.Timespec
	_, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1,
		uintptr(unsafe.Pointer(&none)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return p.Revents, nil
}

// quickAck sends the acknowledgement that the kernel would delay. Like pollNow it
// does not tell the scheduler.
func quickAck(fd uintptr) {
	on := int32(1)
	syscall.RawSyscall6(unix.SYS_SETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK,
		uintptr(unsafe.Pointer(&on)), unsafe.Sizeof(on), 0)
}
