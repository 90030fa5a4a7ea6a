package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// try calls do with a user's rights to files, and with none of root's. Only root can call it.
func (id identity) try(do func() error) error {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		ended <- id.here(do)
	}()
	return <-ended
}

// here is try in the thread of the caller, which keeps the user's rights afterwards.
func (id identity) here(do func() error) error {
	// Calls package unix: the functions of package syscall would change all threads.
	if err := unix.Setgroups(append([]int{id.gid}, id.groups...)); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	unix.Setfsgid(id.gid)
	unix.Setfsuid(id.uid)
	if now, err := unix.SetfsuidRetUid(-1); err != nil || now != id.uid { // tells whether Setfsuid has worked
		return os.NewSyscallError("setfsuid", unix.EPERM)
	}
	return do()
}
