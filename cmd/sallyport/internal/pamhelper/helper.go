//go:build linux

package pamhelper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Patience bounds how long the helper may take for a login, and to open or close a session.
const Patience = 10 * time.Second

// Check returns why the helper can't ask PAM.
func (h Helper) Check(ctx context.Context) error {
	a, err := h.ask(ctx, Question{Do: doCheck})
	if err == nil && a.Verdict != Accepted {
		err = errors.New(a.Reason)
	}
	return err
}

// Login asks whether a user may log in. An error means that the helper can't tell; so does the verdict Down.
func (h Helper) Login(ctx context.Context, user, password, peer string) (Answer, error) {
	return h.ask(ctx, Question{Do: doLogin, User: user, Password: password, Peer: peer})
}

// ask starts the helper for one question. The kernel kills the helper together with this process.
func (h Helper) ask(ctx context.Context, q Question) (Answer, error) {
	runtime.LockOSThread() // the helper is killed when its thread ends
	defer runtime.UnlockOSThread()
	p, err := h.start(q, &exec.Cmd{SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}, (*exec.Cmd).Start)
	if err != nil {
		return Answer{}, err
	}
	defer p.kill()
	return p.answer(ctx)
}

// process is a helper that runs.
type process struct {
	path    string
	process *os.Process
	ended   string // how the helper has ended; empty if end was not called
	stdin   *os.File
	stdout  *os.File
	stderr  *os.File
	words   *words
	heard   chan struct{} // is closed when stderr has ended
}

// maxWords bounds how much of the helper's standard error is kept, in bytes.
const maxWords = 1000

// words keeps the beginning of what is written to it.
type words struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p[:min(len(p), maxWords-w.text.Len())])
	return len(p), nil
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(w.text.String(), "?"))
}

// start starts the helper as cmd says, by run, and sends the helper a question.
func (h Helper) start(q Question, cmd *exec.Cmd, run func(*exec.Cmd) error) (p *process, err error) {
	q.Service, q.As = h.Service, h.As
	text, err := frame(q)
	if err != nil {
		return nil, err
	}
	var mine, its [3]*os.File
	defer func() {
		closeAll(its[:])
		if err != nil {
			closeAll(mine[:])
		}
	}()
	for i := range mine {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		if mine[i], its[i] = r, w; i == 0 {
			mine[i], its[i] = w, r
		}
	}
	cmd.Path, cmd.Args, cmd.Dir, cmd.Env = h.Path, []string{h.Path}, "/", environment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = its[0], its[1], its[2]
	cmd.SysProcAttr.Setpgid = true // so that programs of modules are killed, too
	if err := run(cmd); err != nil {
		return nil, err
	}
	p = newProcess(h.Path, cmd.Process, mine)
	p.stdin.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := p.stdin.Write(text); err != nil && !errors.Is(err, syscall.EPIPE) { // the end of the helper tells more
		p.kill()
		return nil, err
	}
	return p, nil
}

// newProcess returns a helper that was started, with this end of its standard input, output and error.
func newProcess(path string, started *os.Process, mine [3]*os.File) *process {
	p := &process{path: path, process: started, stdin: mine[0], stdout: mine[1], stderr: mine[2], words: &words{}, heard: make(chan struct{})}
	go func() {
		io.Copy(p.words, p.stderr)
		close(p.heard)
	}()
	return p
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// environment returns the helper's environment: of this process's own only where programs are and the time zone.
func environment() (env []string) {
	for _, name := range []string{"PATH", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "LANG=C")
}

// ErrSlow means that the helper has not answered within Patience.
var ErrSlow = fmt.Errorf("no answer within %v", Patience)

// answer reads the next answer, until ctx ends.
func (p *process) answer(ctx context.Context) (a Answer, err error) {
	p.stdout.SetReadDeadline(time.Now().Add(Patience))
	defer context.AfterFunc(ctx, func() { p.stdout.SetReadDeadline(time.Unix(1, 0)) })()
	a, err = receive(p.stdout)
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return a, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return a, ErrSlow
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		p.kill()
		return a, fmt.Errorf("%s has ended without an answer: %s", p.path, cmp.Or(p.words.String(), p.ended))
	}
	return a, fmt.Errorf("%s: %w", p.path, err)
}

// kill kills the helper with all processes that its modules have started, and waits until it is gone.
func (p *process) kill() {
	if p.ended != "" {
		return
	}
	syscall.Kill(-p.process.Pid, syscall.SIGKILL)
	p.end()
}

// end waits until the helper has ended, and closes the pipes.
func (p *process) end() {
	p.ended = "it can't be waited for"
	if state, err := p.process.Wait(); err == nil {
		p.ended = state.String()
	}
	p.stderr.SetReadDeadline(time.Now().Add(time.Second)) // a program of a module may hold it open
	<-p.heard
	closeAll([]*os.File{p.stdin, p.stdout, p.stderr})
}

// Session is a session that PAM has opened for a hand. A helper holds the session, and closes it also if this process
// ends.
type Session struct{ process *process }

// Open opens a session for a user and starts a hand in it: as a child of this process, with all that PAM's modules have
// changed of the helper. If it returns no Session and no error, the Answer says why. cmd says what to start, with which
// rights, descriptors and environment. run starts the helper; the thread that calls it becomes the parent of the hand.
func (h Helper) Open(ctx context.Context, user string, cmd *exec.Cmd, run func(*exec.Cmd) error) (*Session, Answer, error) {
	executable, err := os.Open(cmd.Path)
	if err != nil {
		return nil, Answer{}, err
	}
	defer executable.Close()
	stderr, ok := cmd.Stderr.(*os.File)
	if !ok || cmd.SysProcAttr.Credential == nil {
		return nil, Answer{}, errors.ErrUnsupported
	}
	files := append([]*os.File{executable, stderr}, cmd.ExtraFiles...)
	as := cmd.SysProcAttr.Credential
	q := Question{Do: doSession, User: user, Hand: &Hand{Args: cmd.Args, Env: cmd.Env, Files: len(files), UID: as.Uid, GID: as.Gid, Groups: as.Groups}}
	p, err := h.start(q, &exec.Cmd{ExtraFiles: files, SysProcAttr: &syscall.SysProcAttr{}}, run)
	if err != nil {
		return nil, Answer{}, err
	}
	a, err := p.answer(ctx)
	if err != nil || a.Verdict != Accepted {
		p.kill()
		p.reap()
		return nil, a, err
	}
	return &Session{p}, a, nil
}

// reap waits for a hand that has ended at once, since its program could not be executed.
func (p *process) reap() {
	for {
		pid, err := syscall.Wait4(-p.process.Pid, nil, 0, nil)
		if err != nil && err != syscall.EINTR || pid == 0 {
			return
		}
	}
}

// Close closes the session, and returns what went wrong. It must be called only once.
func (s *Session) Close() error {
	s.process.stdin.Close()
	a, err := s.process.answer(context.Background())
	if err == nil && a.Verdict != Accepted {
		err = errors.New(a.Reason)
	}
	if err != nil {
		s.process.kill()
		return err
	}
	late := time.AfterFunc(time.Second, func() { syscall.Kill(-s.process.process.Pid, syscall.SIGKILL) })
	defer late.Stop()
	s.process.end()
	return nil
}

// Left is what a program that is executed in the same process needs to take a session over.
type Left struct {
	Path  string // of the helper
	PID   int
	Files [3]*os.File
}

// Leave returns what another program needs to take the session over. The files stay those of the session.
func (s *Session) Leave() Left {
	p := s.process
	return Left{p.path, p.process.Pid, [3]*os.File{p.stdin, p.stdout, p.stderr}}
}

// Adopt takes a session over from the program that this one has replaced.
func Adopt(l Left) (*Session, error) {
	process, err := os.FindProcess(l.PID)
	if err != nil {
		return nil, err
	}
	return &Session{newProcess(l.Path, process, l.Files)}, nil
}
