package main

import (
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// confine puts cmd into a PID namespace under a shell, with its own view of the
// mounts. The shell is the first process there: when it ends, the kernel kills all
// others, and it inherits those that lose their parent, so that all are counted.
// The server itself can't be the first: vsftpd crashes if a process ends that it
// doesn't know.
func confine(cmd *exec.Cmd) {
	cmd.Args = append([]string{"sh", "-c", `"$@"; exit`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS,
		Pdeathsig:    syscall.SIGKILL,
		Setpgid:      true, // Ctrl-C is only for this program
	}
}

// become has cmd run as a user without privileges and without further groups.
func become(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// processTime returns the processor time that the threads of one process have used,
// to the nanosecond.
func processTime(pid int) (time.Duration, error) {
	// Makes the ID of the clock as clock_getcpuclockid(3) does: of all threads, as
	// the scheduler counts their time.
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
