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

// errand is a program to run, without a shell and in the root directory.
type errand struct {
	argv, env []string
	input     string    // standard input
	file      *os.File  // standard input instead; nil for input
	stream    io.Reader // standard input instead, if this process runs the program; nil for input
	patience  time.Duration
	maxSaid   int // bytes of standard output, more of which are an error; 0 if it goes to standard error
	maxWords  int // bytes of standard error that are kept
}

// outcome is what a program has answered.
type outcome struct {
	status int // the exit status
	said   []byte
	words  string // the beginning of standard error, of a killed program, too
}

// runner runs a program as a user; nil stands for the user of this process. An error means that the program has not
// ended by itself.
type runner func(ctx context.Context, as *programUser, e *errand) (outcome, error)

// programLinger bounds how long children of an ended program may hold its output open.
const programLinger = time.Second

// runProgram is a runner whose programs are children of this process. It kills the program with its process group when
// ctx ends or the patience of the errand is over.
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

// bounded keeps the beginning of what is written to it.
type bounded struct {
	text []byte
	most int
	over func() // is called if there is more
}

func (b *bounded) Write(p []byte) (int, error) {
	room := min(len(p), b.most-len(b.text))
	b.text = append(b.text, p[:room]...)
	if room < len(p) {
		b.over()
	}
	return len(p), nil
}
