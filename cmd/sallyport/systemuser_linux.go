package main

import (
	"os"
	"runtime"

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
	// Those of package syscall would change all threads.
	if err := unix.Setgroups(append([]int{id.gid}, id.groups...)); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	unix.Setfsgid(id.gid)
	unix.Setfsuid(id.uid)
	if now, err := unix.SetfsuidRetUid(-1); err != nil || now != id.uid { // which alone says whether it was done
		return os.NewSyscallError("setfsuid", unix.EPERM)
	}
	return do()
}
