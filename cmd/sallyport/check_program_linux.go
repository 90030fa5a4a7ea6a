package main

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// checkPatience is how long the keeper may take to have an upload checked.
const checkPatience = maxCheckTimeout + runnerGrace

// askCheck is what a hand asks the keeper: to have a program look at an upload, which comes as a file.
const askCheck = channel.FirstOp

// inspectBy returns what has the keeper have an upload in a directory looked at: a hand executes nothing. The bytes go
// to the program, past the keeper.
func inspectBy(keeper *channel.Peer, dir string) func(ctx context.Context, up *driver.Inspection) error {
	return func(ctx context.Context, up *driver.Inspection) error {
		f, err := up.OpenFile()
		if errors.Is(err, errors.ErrUnsupported) {
			f, err = copied(up, dir)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return keeper.Ask(ctx, checkPatience, askCheck, func(w *channel.Writer) { w.String(up.Name); w.Int(up.Size) }, f, nil)
	}
}

// copied returns the bytes of an upload in a file without a name, for what is no file yet: part of them is in the one
// that the upload adds to.
func copied(up *driver.Inspection, dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	f := os.NewFile(uintptr(fd), dir)
	r, err := up.Open()
	if err == nil {
		_, err = io.Copy(f, r)
		r.Close()
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// answerHand answers what a hand asks.
func (hs *hands) answerHand(h *handProcess) channel.Answer {
	if h.at.check == "" {
		return nil
	}
	places := make(chan struct{}, mostChecksOfHome)
	return func(c *channel.Call, _ *channel.Writer) (*os.File, error) {
		name, size := c.String(), c.Int()
		if c.Op != askCheck || c.End() != nil || c.File == nil {
			return nil, channel.ErrMessage
		}
		return nil, hs.checks.look(c.Ctx, h.at.check, places, &inspected{dir: h.at.dir, name: name, size: size, file: c.File})
	}
}
