//go:build amd64 || arm64

package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccompWorks reports whether the kernel supports filters that answer with an error.
func seccompWorks() bool {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// Seal has seccomp refuse all calls that the rules don't grant, in all threads.
func (r *Rules) Seal() error {
	if !r.Seccomp {
		return nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil { // the other threads get it with the filter
		return os.NewSyscallError("prctl", err)
	}
	f := r.filter(uint32(os.Getpid()))
	program := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	if thread != 0 {
		return fmt.Errorf("seccomp: thread %d has a filter of its own", thread)
	}
	return nil
}

// Answers of a filter.
const (
	allowed = unix.SECCOMP_RET_ALLOW
	refused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS) // what an older kernel would answer
)

// Offsets of what the kernel shows a filter of a call. Filters look at the lower half of an argument, which is all
// that the kernel uses of PIDs, user IDs, flags and address families.
const (
	atNumber       = 0
	atArchitecture = 4
	atArguments    = 16
)

// newest is the newest call that these rules know. Later calls are refused as unknown, and on amd64 so are those of
// x32, whose numbers are higher.
const newest = unix.SYS_RSEQ_SLICE_YIELD

// nobody is -1 as the kernel takes it for a user ID.
const nobody = 1<<32 - 1

// filter returns the program that decides about each call of the process pid.
func (r *Rules) filter(pid uint32) (f []unix.SockFilter) {
	add := func(more ...unix.SockFilter) { f = append(f, more...) }
	// on adds the instructions that decide about one call. The body ends with an answer.
	on := func(call uint32, body ...unix.SockFilter) {
		add(equal(call, 0, len(body)))
		add(body...)
	}
	add(load(atArchitecture), equal(architecture, 1, 0), answer(refused), load(atNumber))
	add(jump(unix.BPF_JGT, newest, 0, 1), answer(unknown))
	// Hides clone3, whose flags a filter can't see: the C library uses clone instead. clone may make threads only.
	on(unix.SYS_CLONE3, answer(unknown))
	on(unix.SYS_CLONE, argument(0), jump(unix.BPF_JSET, unix.CLONE_THREAD, 0, 1), answer(allowed), answer(refused))
	for _, call := range []uint32{unix.SYS_KILL, unix.SYS_TGKILL} {
		on(call, argument(0), equal(pid, 0, 1), answer(allowed), answer(refused))
	}
	on(unix.SYS_PRLIMIT64, argument(0), equal(pid, 1, 0), equal(0, 0, 1), answer(allowed), answer(refused))
	if r.Minimal {
		for _, call := range minimal {
			on(call, answer(allowed))
		}
		add(answer(refused))
		return f
	}
	// setfsuid with no user ID changes nothing: package driver asks so whose files a thread may replace.
	on(unix.SYS_SETFSUID, argument(0), equal(nobody, 0, 1), answer(allowed), answer(refused))
	on(unix.SYS_IOCTL, argument(1), equal(unix.TIOCSTI, 1, 0), equal(unix.TIOCLINUX, 0, 1), answer(refused), answer(allowed))
	if r.Connect && len(r.Ports) == 0 {
		on(unix.SYS_SOCKET, argument(0), equal(unix.AF_INET, 1, 0), equal(unix.AF_INET6, 0, 4),
			argument(1), and(0xf), equal(unix.SOCK_STREAM, 2, 0), equal(unix.SOCK_DGRAM, 1, 0), answer(refused), answer(allowed))
	}
	if r.Connect && len(r.Ports) > 0 {
		// Refuses what reaches a port past the rules of Landlock: other protocols that have streams, such as MPTCP and
		// SCTP, and messages that connect as they are sent.
		on(unix.SYS_SOCKET, argument(0), equal(unix.AF_INET, 1, 0), equal(unix.AF_INET6, 0, 6),
			argument(1), and(0xf), equal(unix.SOCK_STREAM, 0, 3),
			argument(2), equal(0, 2, 0), equal(unix.IPPROTO_TCP, 1, 0), answer(refused), answer(allowed))
		for _, c := range []struct{ call, flags uint32 }{{unix.SYS_SENDTO, 3}, {unix.SYS_SENDMSG, 2}, {unix.SYS_SENDMMSG, 3}} {
			on(c.call, argument(c.flags), jump(unix.BPF_JSET, unix.MSG_FASTOPEN, 0, 1), answer(refused), answer(allowed))
		}
	}
	for _, call := range r.refuses() {
		on(call, answer(refused))
	}
	add(answer(allowed))
	return f
}

// refuses returns the calls that are refused for all arguments.
func (r *Rules) refuses() (calls []uint32) {
	calls = append(calls, never...)
	if len(r.Trees) == 0 {
		calls = append(calls, changing...)
	}
	if !r.Opens {
		calls = append(calls, looking...)
	}
	if !r.Connect {
		calls = append(calls, unix.SYS_SOCKET, unix.SYS_CONNECT)
	}
	if !r.Bind {
		calls = append(calls, unix.SYS_BIND)
	}
	return calls
}

// load, argument and and set the value that jump compares: load and argument load it, and and masks bits of it.
func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func argument(i uint32) unix.SockFilter { return load(atArguments + 8*i) } // little-endian: the lower half comes first

func and(bits uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: bits}
}

// jump skips ifSo instructions if the comparison holds, and ifNot if it doesn't. equal is the usual comparison.
func jump(comparison uint16, with uint32, ifSo, ifNot int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | comparison | unix.BPF_K, Jt: uint8(ifSo), Jf: uint8(ifNot), K: with}
}

func equal(with uint32, ifSo, ifNot int) unix.SockFilter {
	return jump(unix.BPF_JEQ, with, ifSo, ifNot)
}

func answer(what uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what}
}
