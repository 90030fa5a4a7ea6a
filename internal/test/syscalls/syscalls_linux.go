package syscalls

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// A Call is a system call that has not been made yet.
type Call struct {
	Number int
	Args   [6]uint64
}

// Path returns the path of the file that an argument has open.
func (c Call) Path(arg int) string {
	path, _ := os.Readlink(fmt.Sprint("/proc/self/fd/", int(c.Args[arg])))
	return path
}

// Run runs f and calls hook before each of its system calls with one of the numbers. The
// call fails with the error that hook returns, and is made for zero. Goroutines that f
// starts are not seen. While hook runs, f waits. Go's runtime doesn't know of that wait
// where the runtime makes the call itself or takes the call for a short one: then
// everything may stop. So of SYS_FCNTL only the locks are seen. On systems of 32 bits,
// where locks are another system call, the test is skipped.
func Run(t testing.TB, hook func(c Call) syscall.Errno, f func(), numbers ...int) {
	t.Helper()
	if unsafe.Sizeof(uintptr(0)) == 4 {
		t.Skip("locks are other system calls where the system has 32 bits")
	}
	listeners, done := make(chan int), make(chan struct{})
	refused := make(chan error, 1)
	go func() {
		defer close(done)
		// The filter stays with the thread, which ends with this goroutine.
		runtime.LockOSThread()
		listener, err := filter(append(numbers, last))
		if err != nil {
			refused <- err
			return
		}
		listeners <- listener
		defer unix.Syscall(last, 0, 0, 0)
		f()
	}()
	select {
	case listener := <-listeners:
		defer func() {
			unix.Close(listener)
			<-done
		}()
		answer(listener, hook)
	case err := <-refused:
		testenv.Missing(t, "system calls can't be seen here: %v", err)
	}
}

// last is the call by which the thread says that it makes no more.
const last = unix.SYS_GETPPID

// filter has the kernel ask about the calls of this thread from now on.
func filter(numbers []int) (listener int, err error) {
	const load, equal, end = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	program := []unix.SockFilter{{Code: load, K: 0}} // the number
	for _, n := range numbers {
		if n == unix.SYS_FCNTL {
			program = append(program,
				unix.SockFilter{Code: equal, Jf: 4, K: unix.SYS_FCNTL},
				unix.SockFilter{Code: load, K: 24}, // the second argument
				unix.SockFilter{Code: equal, Jf: 1, K: unix.F_OFD_SETLK},
				unix.SockFilter{Code: end, K: unix.SECCOMP_RET_USER_NOTIF},
				unix.SockFilter{Code: end, K: unix.SECCOMP_RET_ALLOW})
			continue
		}
		program = append(program,
			unix.SockFilter{Code: equal, Jf: 1, K: uint32(n)},
			unix.SockFilter{Code: end, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	program = append(program, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// notice and verdict are struct seccomp_notif and seccomp_notif_resp.
type notice struct {
	id         uint64
	pid, flags uint32
	number     int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type verdict struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// answer answers the kernel until the thread says that it makes no more calls.
func answer(listener int, hook func(c Call) syscall.Errno) {
	for {
		var n notice
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
			continue // a signal
		}
		v := verdict{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if n.number != last {
			if errno := hook(Call{int(n.number), n.args}); errno != 0 {
				v.errno, v.flags = -int32(errno), 0
			}
		}
		unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&v)))
		if n.number == last {
			return
		}
	}
}
