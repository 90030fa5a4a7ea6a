package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// errand is a program to be run, without a shell, in the root directory.
type errand struct {
	argv, env []string
	input     string    // what it reads
	file      *os.File  // what it reads in place of that, nil for none
	stream    io.Reader // the same where this process runs the program
	patience  time.Duration
	maxSaid   int // bytes of its standard output, of which more are a mistake; 0 if it goes where standard error does
	maxWords  int // bytes of its standard error that are kept
}

// outcome is what came of a program.
type outcome struct {
	status int // by which it has ended
	said   []byte
	words  string // the beginning of what it wrote to standard error, also of one that was killed
}

// runner runs a program as a user, nil for the one of this process. Its error is that the program has not ended by
// itself.
type runner func(ctx context.Context, as *programUser, e *errand) (outcome, error)

// programLinger is how long after the end of a program others may hold its output.
const programLinger = time.Second

// runProgram is a runner: the program is a child of this process. When ctx ends the program is killed with its process
// group, as it is when it takes longer than it may.
func runProgram(ctx context.Context, as *programUser, e *errand) (outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, stop := context.WithTimeoutCause(ctx, e.patience, fmt.Errorf("no answer within %v", e.patience.Round(time.Second/10)))
	defer stop()
	cmd := exec.CommandContext(ctx, e.argv[0], e.argv[1:]...)
	cmd.Dir = string(filepath.Separator)
	cmd.Env = e.env
	switch {
	case e.file != nil:
		cmd.Stdin = e.file
	case e.stream != nil:
		cmd.Stdin = e.stream
	default:
		cmd.Stdin = strings.NewReader(e.input)
	}
	said := &bounded{most: e.maxSaid, over: func() { cancel(fmt.Errorf("its answer is longer than %d KiB", e.maxSaid>>10)) }}
	words := &bounded{most: e.maxWords, over: func() {}}
	cmd.Stdout, cmd.Stderr = said, words
	if e.maxSaid == 0 {
		cmd.Stdout = words
	}
	cmd.WaitDelay = programLinger
	apart(cmd, as)
	runtime.LockOSThread() // the program ends with its thread: see endTogether
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		killGroup(cmd)
		err = errors.New("it has ended, but a process that it left behind holds its output")
	}
	out := outcome{said: said.text, words: string(words.text)}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		out.status, err = exit.ExitCode(), nil
	}
	return out, err
}

// bounded keeps the beginning of what is written.
type bounded struct {
	text []byte
	most int
	over func() // is told of more
}

func (b *bounded) Write(p []byte) (int, error) {
	room := min(len(p), b.most-len(b.text))
	b.text = append(b.text, p[:room]...)
	if room < len(p) {
		b.over()
	}
	return len(p), nil
}
