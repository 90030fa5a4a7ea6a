package main

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// try does something with files that has the rights of a user, and none of root's; only root can.
func (id identity) try(do func() error) error {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		ended <- id.here(do)
	}()
	return <-ended
}

// here is try in the thread that it runs in, which has the user's rights from then on.
func (id identity) here(do func() error) error {
	groups := append([]uint32{uint32(id.gid)}, make([]uint32, len(id.groups))...)
	for i, g := range id.groups {
		groups[i+1] = uint32(g)
	}
	// Package syscall would change all threads.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
		return os.NewSyscallError("setgroups", errno)
	}
	unix.RawSyscall(unix.SYS_SETFSGID, uintptr(id.gid), 0, 0)
	unix.RawSyscall(unix.SYS_SETFSUID, uintptr(id.uid), 0, 0)
	if now, _, _ := unix.RawSyscall(unix.SYS_SETFSUID, ^uintptr(0), 0, 0); int(int32(now)) != id.uid {
		return os.NewSyscallError("setfsuid", unix.EPERM)
	}
	return do()
}
