package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// parentPoll is how often endWithParent checks the parent.
const parentPoll = 500 * time.Millisecond

// endWithParent calls end when this process has another parent than at the
// start, as after the parent's death. Linux could send a signal instead, but
// sends it when the thread ends that started this process, and programs with
// threads may start it from one that is short-lived.
func endWithParent(ctx context.Context, parent int, end context.CancelFunc) {
	if runtime.GOOS == "windows" { // the PID of the parent never changes there
		return
	}
	t := time.NewTicker(parentPoll)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if os.Getppid() != parent {
				end()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// isPipe reports whether a file is a pipe, whose end tells that the other side
// is gone. Of other files a terminal can't be read in the background, and
// /dev/null, which shells and containers give to background programs, is at its
// end at once.
func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 // Node's pipes are sockets
}

// obey injects the faults that it reads, and answers each line, until the input
// ends.
func (e *endpoint) obey(input io.Reader, answers io.Writer) {
	type answer struct {
		OK    bool   `json:"ok"`
		Error string `json:"error,omitempty"`
	}
	lines := bufio.NewScanner(input)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		a := answer{OK: true}
		if err := e.inject(line); err != nil {
			a = answer{Error: err.Error()}
		}
		if printJSON(answers, a) != nil {
			return
		}
	}
}

func (e *endpoint) inject(line string) error {
	if line == "clear" {
		e.srv.ClearFaults()
		return nil
	}
	f, err := parseFault(line)
	if err == nil {
		e.srv.Inject(f)
	}
	return err
}

// commandGrace bounds how long a command may take to end once it was asked to.
const commandGrace = 10 * time.Second

// runCommand runs a command, and asks it to end when ctx does. The error is an
// exitStatus if the command has exited with another status than 0.
func runCommand(ctx context.Context, command, environment []string, stdin io.Reader, stdout, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.WaitDelay = commandGrace
	if runtime.GOOS != "windows" { // Windows can only kill
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exitStatus(exit.ExitCode())
	case errors.As(err, &exit) || ctx.Err() != nil: // by a signal
		return exitStatus(statusFailed)
	}
	return err
}
