//go:build linux

package part

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// Harden keeps other processes of the same user from reading this process's memory: no debugger, no /proc/PID/mem and
// no core file.
func Harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	return os.NewSyscallError("setrlimit", unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}))
}

// Begin is the first thing that each part calls. After it has returned, no other process can take what this one was
// given, and this process can't get back what it has given up. Begin calls prepare before, to open what can't be
// opened later. processors is how many processors Go may use if this process can't ask the system for that any more,
// else 0.
//
// A part ends when the keeper tells it to, or ends. Begin has it ignore the signals of a terminal, and of a supervisor
// that sends them to all processes: they are for the keeper.
func Begin(prepare func()) (processors int, err error) {
	if err := Harden(); err != nil {
		return 0, err
	}
	// Has the kernel kill this process when the keeper ends, which nobody has asked for where By has started it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return 0, os.NewSyscallError("prctl", err)
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGQUIT)
	return confine(prepare)
}

// Keeper returns this end of the socket to the keeper. answer answers the keeper's questions.
func Keeper(answer channel.Answer) (*channel.Peer, error) {
	f, err := descriptor(3)
	if err != nil {
		return nil, err
	}
	return channel.NewPeer(f, channel.AnyFiles, answer)
}

// File returns a file that Start has passed to this part as more; the first is 0.
func File(i int) (*os.File, error) { return descriptor(4 + i) }

// descriptor returns a socket that this process was started with.
func descriptor(fd int) (*os.File, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, errors.New("sallyport starts its parts itself, when the option run-as is given; nobody else can")
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "channel"), nil
}
