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
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
)

// Rights are the user, groups and sandbox of a part.
type Rights struct {
	UID, GID int
	Groups   []int // besides GID

	Sandbox *sandbox.Rules // what the part keeps of what these users may do; nil for all

	// Light is set for a part that has little to do at a time, and of which there may be a thousand: Go uses one
	// processor unless GOMAXPROCS is set here, and timers may be late.
	Light bool

	// Program is the executable of the part, which the user has to be able to execute; empty for this one.
	Program string

	// By starts the process of a part in place of cmd.Start, and returns its number; nil for cmd.Start. The process has
	// to become a child of the thread that run starts another program on.
	By func(cmd *exec.Cmd, run func(*exec.Cmd) error) (pid int, err error)
}

// late is how late the timers of a light part may be. While there is anything to do, Go itself wakes every 20 µs to see
// whether a system call keeps its thread from other goroutines, which costs a hand more than a message does. With late
// timers another thread takes over from one that waits for a disk later by as much.
const late = 10 * time.Millisecond

// usual is how late timers are by default on Linux.
const usual = 50 * time.Microsecond

// Starter starts parts. The kernel kills the parts when this process ends in any way.
type Starter struct {
	Stderr *os.File // where parts write their logs; nil for standard error
	Env    []string // variables of parts besides the usual ones

	// Exposed is why other processes of a part's user can read its memory until it hardens itself; nil if they can't.
	Exposed error

	path     string // the path of the executable
	requests chan func()

	mu     sync.Mutex
	living map[*os.Process]bool // the parts that were not waited for yet
}

// NewStarter returns a Starter, which lives as long as this process.
func NewStarter() *Starter {
	s := &Starter{requests: make(chan func()), living: map[*os.Process]bool{}}
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

// run calls the functions of do on one thread that never ends: the kernel kills a part when the thread ends that has
// started it.
func (s *Starter) run() {
	runtime.LockOSThread()
	for do := range s.requests {
		do()
	}
}

// do calls what on the thread that starts parts.
func (s *Starter) do(what func() error) error {
	result := make(chan error, 1)
	s.requests <- func() { result <- what() }
	return <-result
}

// Replace executes another program in place of this one, which parts survive. The descriptors in keep stay open. It
// returns only if it fails.
func (s *Starter) Replace(path string, args, env []string, keep []int) error {
	return s.do(func() error { // only the thread of Exec survives, and parts have to
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

// Living returns the PIDs of all parts that have not ended. After Replace they are children of the next program, which
// has to wait for those that it doesn't adopt: see Await.
func (s *Starter) Living() (pids []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.living {
		pids = append(pids, p.Pid)
	}
	return pids
}

// Await waits in the background for parts of the program which this one has replaced, so that the system forgets them
// when they end. It leaves out those that were adopted.
func (s *Starter) Await(pids []int) {
	adopted := s.Living()
	for _, pid := range pids {
		if process, err := os.FindProcess(pid); err == nil && !slices.Contains(adopted, pid) {
			go s.wait(process)
		}
	}
}

// wait waits for a part to end, and returns how it has; nil if the system doesn't say.
func (s *Starter) wait(process *os.Process) *os.ProcessState {
	s.note(process, true)
	defer s.note(process, false)
	state, err := process.Wait()
	if err != nil {
		return nil
	}
	return state
}

func (s *Starter) note(process *os.Process, lives bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lives {
		s.living[process] = true
	} else {
		delete(s.living, process)
	}
}

// Adopt returns a part that was started by the program which this one has replaced. answer answers the part's
// questions.
func (s *Starter) Adopt(pid int, at *channel.Detached, answer channel.Answer) (*Process, error) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	peer, err := channel.Attach(at, channel.RegularFiles, answer)
	if err != nil {
		return nil, err
	}
	return s.follow(process, peer), nil
}

// follow returns the Process of a part that runs.
func (s *Starter) follow(process *os.Process, peer *channel.Peer) *Process {
	p := &Process{Peer: peer, PID: process.Pid, process: process, ended: make(chan struct{})}
	s.note(process, true)
	go func() {
		p.state = s.wait(process)
		close(p.ended)
		peer.Close()
	}()
	return p
}

// Process is a part that runs, or has run.
type Process struct {
	*channel.Peer // the socket to the part
	PID           int
	process       *os.Process
	ended         chan struct{}
	state         *os.ProcessState // how the process has ended; nil if it has not, or nobody knows
}

// Start starts a part. answer answers the part's questions. The part gets the files in more as descriptors from 4 on;
// Start closes them here.
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
		Path: cmp.Or(rights.Program, s.path), Args: []string{"sallyport", Command, name}, Dir: "/", Env: env, Stderr: cmp.Or(s.Stderr, os.Stderr),
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
	run := func(cmd *exec.Cmd) error {
		return s.do(func() error {
			unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0) // children inherit the slack
			return cmd.Start()
		})
	}
	process, err := rights.start(cmd, run)
	if err != nil {
		peer.Close()
		return nil, explained(err)
	}
	return s.follow(process, peer), nil
}

// start starts a part by run, or by what the rights say.
func (r *Rights) start(cmd *exec.Cmd, run func(*exec.Cmd) error) (*os.Process, error) {
	if r.By == nil {
		err := run(cmd)
		return cmd.Process, err
	}
	pid, err := r.By(cmd, run)
	if err != nil {
		return nil, err
	}
	return os.FindProcess(pid)
}

// explained adds the likely cure to the error of a start.
func explained(err error) error {
	if errors.Is(err, syscall.EPERM) {
		return errors.New("this process may not start others as other users: " + err.Error() + " (it needs the capabilities SETUID, SETGID and KILL)")
	}
	return err
}

// Command is the command of sallyport that runs a part.
const Command = "part"

// Ended returns a channel that is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Status waits for the end of the process and returns its exit status, -1 if a signal has killed it.
func (p *Process) Status() int {
	<-p.ended
	return p.state.ExitCode()
}

// Killed waits for the end of the process and reports whether SIGKILL has ended it. That signal comes from another
// process, or from the system for want of memory.
func (p *Process) Killed() bool {
	<-p.ended
	if p.state == nil {
		return false
	}
	status, ok := p.state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Kill kills the process.
func (p *Process) Kill() { p.process.Kill() }

// environment returns the variables of this process that parts get: those of the Go runtime, the time zone, and the
// certificates that TLS trusts.
func environment() (env []string) {
	for _, name := range []string{"TZ", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if len(env) == 0 {
		return []string{"LANG=C"} // an empty list would pass on this process's environment
	}
	return env
}

// Trusted returns the files and directories of certificates that TLS trusts, as the environment names them.
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
