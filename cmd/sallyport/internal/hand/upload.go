//go:build linux

package hand

import (
	"context"
	"io"
	"io/fs"
	"os"

	"github.com/sallyport/sallyport/driver"
)

// Store begins an upload in the hand and takes over a descriptor to write into.
func (c *Client) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u := &upload{c: c}
	err := c.do(ctx, opStore, func(w *writer) { w.String(name); writeOptions(w, opts) }, func(a *answer) {
		u.id, u.f = a.Uint(), a.takeFile()
	})
	if err != nil {
		return nil, err
	}
	u.forget = context.AfterFunc(ctx, func() { c.send(opCancel, u.id, nil) })
	return u, nil
}

// upload is one that the hand commits.
type upload struct {
	c      *Client
	id     uint64
	forget func() bool // of the end of the context of Store, which the hand is told
	f      *os.File    // nil after the end
	n      int64       // bytes written
	err    error       // after which nothing may be committed
}

func (u *upload) Write(p []byte) (int, error) {
	if err := u.writable(); err != nil {
		return 0, err
	}
	n, err := u.f.Write(p)
	u.wrote(int64(n), err)
	return n, err
}

// ReadFrom implements io.ReaderFrom with what the system has for it (splice).
func (u *upload) ReadFrom(r io.Reader) (int64, error) {
	if err := u.writable(); err != nil {
		return 0, err
	}
	n, err := u.f.ReadFrom(r)
	u.wrote(n, err)
	return n, err
}

func (u *upload) writable() error {
	if u.f == nil {
		return fs.ErrClosed
	}
	return u.err
}

func (u *upload) wrote(n int64, err error) { u.n, u.err = u.n+n, err }

// Prepare implements driver.Preparer.
func (u *upload) Prepare() error { return u.ask(opPrepare) }

func (u *upload) Commit() error {
	err := u.ask(opCommit)
	if u.err = err; err == nil {
		u.end()
	}
	return err
}

// ask has the hand do something with all that was written.
func (u *upload) ask(o op) error {
	if err := u.writable(); err != nil {
		return err
	}
	return u.c.do(context.Background(), o, func(w *writer) { w.Uint(u.id); w.Int(u.n) }, nil)
}

func (u *upload) Close(cause error) error {
	if u.f == nil {
		return nil
	}
	u.end()
	return u.c.do(context.Background(), opClose, func(w *writer) { w.Uint(u.id); w.Failure(cause) }, nil)
}

func (u *upload) end() {
	u.forget()
	u.f.Close()
	u.f = nil
}
