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

// checkPatience bounds how long the keeper may take to have an upload looked at.
const checkPatience = maxCheckTimeout + runnerGrace

// askCheck is the question by which a hand has the keeper run a program on an upload, which it passes as a file.
const askCheck = channel.FirstOp

// inspectBy returns the function by which a hand has uploads to its root i looked at. A hand executes nothing itself:
// the keeper runs the program, which reads the file of the hand without the keeper reading it.
func inspectBy(keeper *channel.Peer, i int, dir string) func(ctx context.Context, up *driver.Inspection) error {
	return func(ctx context.Context, up *driver.Inspection) error {
		f, err := up.OpenFile()
		if errors.Is(err, errors.ErrUnsupported) {
			f, err = copied(up, dir)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return keeper.Ask(ctx, checkPatience, askCheck, func(w *channel.Writer) { w.Uint(uint64(i)); w.String(up.Name); w.Int(up.Size) }, f, nil)
	}
}

// copied returns the bytes of an upload in a file without a name. It serves an upload that has no file of its own,
// since part of its bytes are in the file that it adds to.
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

// answerHand returns the function that answers the questions of a hand; nil for a hand that asks none, since no program
// looks at its uploads, and its files stay its own.
func (hs *hands) answerHand(h *handProcess) channel.Answer {
	switch {
	case h.at.store != "":
		return hs.k.answerBucket
	case h.at.check == "" && !h.at.rules.Give:
		return nil
	}
	places, roots := make(chan struct{}, mostChecksOfHome), h.at.roots()
	return func(c *channel.Call, _ *channel.Writer) (*os.File, error) {
		if c.Op == askGive {
			return nil, h.give(c)
		}
		i, name, size := c.Uint(), c.String(), c.Int()
		if c.Op != askCheck || c.End() != nil || c.File == nil || i >= uint64(len(roots)) || h.at.check == "" {
			return nil, channel.ErrMessage
		}
		return nil, hs.checks.look(c.Ctx, h.at.check, places, &inspected{dir: roots[i].Dir, name: name, size: size, file: c.File})
	}
}
