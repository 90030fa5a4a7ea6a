package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
)

// itself is another process of this program.
type itself struct {
	in   io.Writer // its standard input
	out  io.Reader // its standard output
	pid  int
	stop func() error // closes the input and waits for the end; may be called several times
}

// startItself starts this program with other arguments. The process ends with stop, or
// with ctx.
func startItself(ctx context.Context, args ...string) (*itself, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := sync.OnceValue(func() error { return errors.Join(in.Close(), cmd.Wait()) })
	return &itself{in, out, cmd.Process.Pid, stop}, nil
}
