//go:build linux

package part

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
)

// Rights are those that a process has: numbers of the system.
type Rights struct {
	UID, GID int
	Groups   []int // besides GID

	Sandbox *sandbox.Rules // what it is left with of what the system lets these users do; nil for all

	// Light is for a part that has little to do at a time, and of which there may be a thousand: Go uses one processor
	// unless GOMAXPROCS is set here, and timers may be late.
	Light bool
}

// late is how late the timers of a light part may be. While there is anything to do, Go
// itself wakes every 20 µs and looks whether a system call keeps its thread from others: that costs a hand more than a
// message does. So another thread may take over from one that waits for a disk that much later.
const late = 10 * time.Millisecond

// usual is how late timers are otherwise, as Linux has it.
const usual = 50 * time.Microsecond

// Starter starts parts. They are killed when this process ends, however it does.
type Starter struct {
	Stderr *os.File // where parts write their logs; nil is standard error
	Env    []string // what parts find in their environment besides the usual

	// Exposed is why other processes of a part's user could look into its memory until it hardens itself; nil if they
	// can't.
	Exposed error

	path     string // of the executable
	requests chan func()
}

// NewStarter returns a Starter, for the rest of this process's life.
func NewStarter() *Starter {
	s := &Starter{requests: make(chan func())}
	if s.path, s.Exposed = image(); s.Exposed != nil {
		s.path = program
	}
	if onMain != nil {
		s.requests = onMain
		return s
	}
	go s.run()
	return s
}

// run starts what is asked for. The system kills a part at the end of the thread that has started it, so that thread is
// kept.
func (s *Starter) run() {
	runtime.LockOSThread()
	for do := range s.requests {
		do()
	}
}

// do has something done by the thread that starts parts.
func (s *Starter) do(what func() error) error {
	result := make(chan error, 1)
	s.requests <- func() { result <- what() }
	return <-result
}

// Replace executes another program in place of this one, which parts survive, with some descriptors. It returns only if
// that fails.
func (s *Starter) Replace(path string, args, env []string, keep []int) error {
	return s.do(func() error { // for parts end with the thread that has started them, and only this one lives on
		syscall.ForkLock.Lock()
		defer syscall.ForkLock.Unlock()
		unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(usual), 0, 0, 0)
		for _, fd := range keep {
			unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		}
		err := syscall.Exec(path, args, env)
		for _, fd := range keep {
			unix.CloseOnExec(fd)
		}
		return &os.PathError{Op: "exec", Path: path, Err: err}
	})
}

// Adopt returns a part that the program has started which this one was executed in place of. answer answers what the
// part asks.
func Adopt(pid int, at *channel.Detached, answer channel.Answer) (*Process, error) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	peer, err := channel.Attach(at, channel.RegularFiles, answer)
	if err != nil {
		return nil, err
	}
	p := &Process{Peer: peer, PID: pid, process: process, ended: make(chan struct{}), status: -1}
	go func() {
		if state, err := process.Wait(); err == nil {
			p.status = state.ExitCode()
		}
		close(p.ended)
		peer.Close()
	}()
	return p, nil
}

// Process is a part that was started.
type Process struct {
	*channel.Peer // what it asks and is asked
	PID           int
	process       *os.Process
	ended         chan struct{}
	status        int
}

// Start starts a part with some rights. answer answers what it asks. It finds more, which are closed here, as
// descriptors from 4 on.
func (s *Starter) Start(name string, rights Rights, answer channel.Answer, more ...*os.File) (*Process, error) {
	defer closeAll(more)
	mine, its, err := channel.Pair()
	if err != nil {
		return nil, err
	}
	peer, err := channel.NewPeer(mine, channel.RegularFiles, answer)
	if err != nil {
		its.Close()
		return nil, err
	}
	defer its.Close()
	env := append(environment(), s.Env...)
	if rights.Light && os.Getenv("GOMAXPROCS") == "" {
		env = append(env, "GOMAXPROCS=1")
	}
	if rights.Sandbox != nil {
		text, err := json.Marshal(confinement{Rules: *rights.Sandbox})
		if err != nil {
			peer.Close()
			return nil, err
		}
		env = append(env, confined+"="+string(text))
	}
	cmd := &exec.Cmd{
		Path: s.path, Args: []string{"sallyport", Command, name}, Dir: "/", Env: env, Stderr: cmp.Or(s.Stderr, os.Stderr),
		ExtraFiles: append([]*os.File{its}, more...),
		SysProcAttr: &syscall.SysProcAttr{
			Pdeathsig:  syscall.SIGKILL,
			Credential: &syscall.Credential{Uid: uint32(rights.UID), Gid: uint32(rights.GID), Groups: unsigned(rights.Groups)},
		},
	}
	slack := usual
	if rights.Light {
		slack = late
	}
	if err := s.do(func() error {
		unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0) // which what is started inherits
		return cmd.Start()
	}); err != nil {
		peer.Close()
		return nil, explained(err)
	}
	p := &Process{Peer: peer, PID: cmd.Process.Pid, process: cmd.Process, ended: make(chan struct{})}
	go func() {
		cmd.Wait()
		p.status = cmd.ProcessState.ExitCode()
		close(p.ended)
		peer.Close()
	}()
	return p, nil
}

// explained adds to the error of a start what may be the cure.
func explained(err error) error {
	if errors.Is(err, syscall.EPERM) {
		return errors.New("this process may not start others as other users: " + err.Error() + " (it needs the capabilities SETUID, SETGID and KILL)")
	}
	return err
}

// Command is the command of sallyport by which parts are started.
const Command = "part"

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Status returns the exit status after the end, -1 of a process that a signal has killed.
func (p *Process) Status() int {
	<-p.ended
	return p.status
}

// Kill ends the process at once.
func (p *Process) Kill() { p.process.Kill() }

// environment returns what parts get of this process's environment: what the Go runtime goes by,
// the time zone, and whom TLS trusts.
func environment() (env []string) {
	for _, name := range []string{"TZ", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if len(env) == 0 {
		return []string{"LANG=C"} // none at all would be this process's
	}
	return env
}

// Trusted returns where the environment says that those are whom TLS trusts.
func Trusted() (paths []string) {
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		for _, path := range filepath.SplitList(os.Getenv(name)) {
			if path != "" {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

func unsigned(numbers []int) (u []uint32) {
	for _, n := range numbers {
		u = append(u, uint32(n))
	}
	return u
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
