package main

import (
	"context"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// askGive is the question by which a hand has the keeper give an upload, which it passes as a file, to another user.
const askGive = askCheck + 1

// giving has the keeper give each upload to another user when the upload is complete. The hand itself has no right to
// give files away.
type giving struct {
	driver.FS
	keeper *channel.Peer
}

// Unwrap returns the wrapped FS, whose abilities are used. None of them stores content.
func (g *giving) Unwrap() driver.FS { return g.FS }

// Store begins an upload whose Commit has the file given away.
func (g *giving) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := g.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	commit := func() error {
		if err := up.Commit(); err != nil {
			return err
		}
		return g.give(context.WithoutCancel(ctx), name)
	}
	if file, ok := up.(driver.FileUpload); ok {
		return &givenFile{file, commit}, nil
	}
	return &givenUpload{up, commit}, nil
}

// give has the keeper give a file away. A file that another session has renamed meanwhile is left to that session's
// rights.
func (g *giving) give(ctx context.Context, name string) error {
	r, err := g.FS.Open(ctx, name, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	f, ok := r.(*os.File)
	if part, is := r.(driver.FilePart); is {
		f, _ = part.Part()
		ok = true
	}
	if !ok {
		return fs.ErrInvalid
	}
	return g.keeper.Ask(ctx, usualPatience, askGive, nil, f, nil)
}

// givenUpload is an upload whose file is given away.
type givenUpload struct {
	driver.Upload
	commit func() error
}

// Unwrap returns the wrapped upload, whose abilities are used.
func (u *givenUpload) Unwrap() driver.Upload { return u.Upload }

// Commit commits the upload, and has the file given away.
func (u *givenUpload) Commit() error { return u.commit() }

// givenFile is a givenUpload that another process can write.
type givenFile struct {
	driver.FileUpload
	commit func() error
}

// Unwrap returns the wrapped upload, whose abilities are used.
func (u *givenFile) Unwrap() driver.Upload { return u.FileUpload }

// Commit commits the upload, and has the file given away.
func (u *givenFile) Commit() error { return u.commit() }

// give makes a file of the hand's user the property of another user. SECURITY: a hand that was taken over may pass any
// file that it can open, so only a regular file of its own user is given away, and never with a bit such as setuid.
func (h *handProcess) give(c *channel.Call) error {
	if c.End() != nil || c.File == nil || !h.at.rules.Give {
		return channel.ErrMessage
	}
	fd := int(c.File.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	switch {
	case int(st.Uid) == h.at.rules.GiveTo:
		return nil // an upload that adds to a file which was given away before
	case st.Mode&unix.S_IFMT != unix.S_IFREG, int(st.Uid) != h.as.uid:
		return fs.ErrPermission
	}
	if err := unix.Fchown(fd, h.at.rules.GiveTo, -1); err != nil {
		return os.NewSyscallError("fchown", err)
	}
	return os.NewSyscallError("fchmod", unix.Fchmod(fd, uint32(h.at.rules.GivenMode.Perm())))
}
