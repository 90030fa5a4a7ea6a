//go:build linux && cgo && pam

package main

import (
	"fmt"
	"os"
	"syscall"
)

// firstFile is the first of the descriptors that the server has passed on: the executable of the hand.
const firstFile = 3

// beyondThoseOfHands is a descriptor that no hand has as its own: those get lower numbers before this one is used.
const beyondThoseOfHands = 64

// keepFiles keeps programs that modules start from getting the descriptors that are for the hand.
func (h *hand) keepFiles() {
	for i := range h.Files {
		syscall.CloseOnExec(firstFile + i)
	}
}

// start starts the hand in the session that this process has opened, and returns its number. The hand inherits what
// modules have changed of this process: limits, umask, namespaces, control group, login UID, keys. The hand becomes a
// child of the server, which so learns of its end and keeps it over an upgrade.
func (h *hand) start() (pid int, err error) {
	executable, _, e := syscall.Syscall(syscall.SYS_FCNTL, firstFile, syscall.F_DUPFD_CLOEXEC, beyondThoseOfHands)
	if e != 0 {
		return 0, os.NewSyscallError("fcntl", e)
	}
	// Sets the limit on files that PAM has set once more, so that Go doesn't set the one of before for the hand.
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, os.NewSyscallError("setrlimit", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	passed := []uintptr{null.Fd(), null.Fd()}
	for i := 1; i < h.Files; i++ {
		passed = append(passed, uintptr(firstFile+i))
	}
	return syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", executable), h.Args, &syscall.ProcAttr{
		Dir: "/", Env: h.Env, Files: passed,
		Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_PARENT, Credential: &syscall.Credential{Uid: h.UID, Gid: h.GID, Groups: h.Groups}},
	})
}
