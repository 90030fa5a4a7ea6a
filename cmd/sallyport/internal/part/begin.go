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

// Harden keeps what this process has in memory from others of its user: no debugger, no /proc/PID/mem, no core file.
func Harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	return os.NewSyscallError("setrlimit", unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}))
}

// Begin is what each part does first. It returns when nobody can take from this process what was not given to it, and
// nothing that it has given up can be had again: prepare is called before, for what has to be opened first. processors
// is how many Go may use if this process can't ask the system for that any more, else 0.
//
// A part ends when the keeper says so, or ends: signals of a terminal, or of a supervisor that sends them to all
// processes, are the keeper's business.
func Begin(prepare func()) (processors int, err error) {
	if err := Harden(); err != nil {
		return 0, err
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGQUIT)
	return confine(prepare)
}

// Keeper returns this end of the socket to the keeper. answer answers what the keeper asks.
func Keeper(answer channel.Answer) (*channel.Peer, error) {
	f, err := descriptor(3)
	if err != nil {
		return nil, err
	}
	return channel.NewPeer(f, channel.AnyFiles, answer)
}

// File returns what Start has given this part besides, from 0 on.
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
