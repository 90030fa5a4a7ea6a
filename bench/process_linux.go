package main

import (
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// confine puts cmd into a PID namespace under a shell, and gives it a view of
// the mounts of its own. With the shell, which is the first process there, the
// kernel ends all others; and those that lose their parent pass to it, so that
// none of them escapes the count. The server itself can't take that place:
// vsftpd crashes when a process ends that it doesn't know.
func confine(cmd *exec.Cmd) {
	cmd.Args = append([]string{"sh", "-c", `"$@"; exit`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
		Setpgid:      true, // Ctrl-C is for this program alone
	}
}

// become makes cmd run as a user without privileges, in no other group.
func become(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// processTime returns the processor time that the threads of one process have used,
// to the nanosecond.
func processTime(pid int) (time.Duration, error) {
	// As clock_getcpuclockid(3) makes it: for all threads, as the scheduler counts.
	const scheduler = 2
	var used unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|scheduler, &used); err != nil {
		if err == unix.EINVAL { // no such process
			err = unix.ESRCH
		}
		return 0, err
	}
	return time.Duration(used.Nano()), nil
}
