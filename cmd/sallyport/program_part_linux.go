package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

// runnerGrace bounds how long a program may take to begin and, when its time is over, to end.
const runnerGrace = 10 * time.Second

// run is a runner that starts the program from a process of its own, which has the rights of the user, so that the
// parent of the program is not the keeper with all its rights.
func (k *keeper) run(ctx context.Context, as *programUser, e *errand) (out outcome, err error) {
	rights := part.Rights{} // root's, if root is the user named
	if as != nil {
		rights.UID, rights.GID = int(as.Uid), int(as.Gid)
		for _, id := range as.Groups {
			rights.Groups = append(rights.Groups, int(id))
		}
	}
	p, err := k.starter.Start(partRunner, rights, nil)
	if err != nil {
		return out, err
	}
	defer func() {
		p.Kill()
		<-p.Ended()
	}()
	problem := ""
	err = p.Ask(ctx, e.patience+runnerGrace, tellRun, e.write, e.file, func(r *channel.Reader, _ *os.File) error {
		out.status, out.said, out.words, problem = int(r.Uint()), []byte(r.String()), r.String(), r.String()
		return nil
	})
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && problem != "":
		err = errors.New(problem)
	}
	return out, err
}

func (e *errand) write(w *channel.Writer) {
	for _, list := range [][]string{e.argv, e.env} {
		w.Uint(uint64(len(list)))
		for _, text := range list {
			w.String(text)
		}
	}
	w.String(e.input)
	for _, n := range []int64{int64(e.patience), int64(e.maxSaid), int64(e.maxWords)} {
		w.Int(n)
	}
}

func (e *errand) read(r *channel.Reader) {
	for _, list := range []*[]string{&e.argv, &e.env} {
		for n := r.Uint(); n > 0 && r.Mistake() == nil; n-- {
			*list = append(*list, r.String())
		}
	}
	e.input = r.String()
	e.patience, e.maxSaid, e.maxWords = time.Duration(r.Int()), int(r.Int()), int(r.Int())
}

// runRunner runs the programs that the keeper asks for, until the keeper ends.
func runRunner() error {
	// Drops signals by a handler: programs would inherit signals that are ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGQUIT)
	return endWith(part.Keeper(func(c *channel.Call, w *channel.Writer) (*os.File, error) {
		var e errand
		e.read(c.Reader)
		if e.file = c.File; c.Op != tellRun || c.Mistake() != nil || len(e.argv) == 0 {
			return nil, channel.ErrMessage
		}
		out, err := runProgram(c.Ctx, nil, &e)
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		w.Uint(uint64(out.status))
		for _, text := range []string{string(out.said), out.words, problem} {
			w.String(text)
		}
		return nil, nil
	}))
}
