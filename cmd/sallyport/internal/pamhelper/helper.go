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
	p, err := h.start(q, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL})
	if err != nil {
		return Answer{}, err
	}
	defer p.kill()
	return p.answer(ctx)
}

// process is a helper that runs.
type process struct {
	cmd    *exec.Cmd
	stdin  *os.File
	stdout *os.File
	words  *words
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

// start starts the helper and sends it a question.
func (h Helper) start(q Question, how *syscall.SysProcAttr) (p *process, err error) {
	q.Service, q.As = h.Service, h.As
	text, err := frame(q)
	if err != nil {
		return nil, err
	}
	itsIn, mineIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer itsIn.Close()
	mineOut, itsOut, err := os.Pipe()
	if err != nil {
		mineIn.Close()
		return nil, err
	}
	defer itsOut.Close()
	how.Setpgid = true // so that programs of modules are killed, too
	p = &process{stdin: mineIn, stdout: mineOut, words: &words{}}
	p.cmd = &exec.Cmd{
		Path: h.Path, Args: []string{h.Path}, Dir: "/", Env: environment(), Stdin: itsIn, Stdout: itsOut, Stderr: p.words,
		SysProcAttr: how, WaitDelay: time.Second,
	}
	if err := p.cmd.Start(); err != nil {
		mineIn.Close()
		mineOut.Close()
		return nil, err
	}
	mineIn.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := mineIn.Write(text); err != nil && !errors.Is(err, syscall.EPIPE) { // the end of the helper tells more
		p.kill()
		return nil, err
	}
	return p, nil
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
		return a, fmt.Errorf("%s has ended without an answer: %s", p.cmd.Path, cmp.Or(p.words.String(), p.cmd.ProcessState.String()))
	}
	return a, fmt.Errorf("%s: %w", p.cmd.Path, err)
}

// kill kills the helper with all processes that its modules have started, and waits until it is gone.
func (p *process) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.end()
}

// end waits until the helper has ended, and closes the pipes.
func (p *process) end() {
	p.cmd.Wait()
	p.stdin.Close()
	p.stdout.Close()
}

// Session is a session that PAM has opened. A helper holds the session, and closes it also if this process ends.
type Session struct {
	// Limits are the limits that modules have set for processes of the session, by resource number: getrlimit(2).
	Limits map[int]Limit

	process *process
}

// Open opens a session for a user. If it returns no Session and no error, the Answer says why.
func (h Helper) Open(ctx context.Context, user string) (*Session, Answer, error) {
	p, err := h.start(Question{Do: doSession, User: user}, &syscall.SysProcAttr{})
	if err != nil {
		return nil, Answer{}, err
	}
	a, err := p.answer(ctx)
	if err != nil || a.Verdict != Accepted {
		p.kill()
		return nil, a, err
	}
	return &Session{a.Limits, p}, a, nil
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
	late := time.AfterFunc(time.Second, func() { syscall.Kill(-s.process.cmd.Process.Pid, syscall.SIGKILL) })
	defer late.Stop()
	s.process.end()
	return nil
}
