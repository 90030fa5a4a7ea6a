//go:build linux

package hand

import (
	"context"
	"io"
	"io/fs"
	"os"

	"github.com/sallyport/sallyport/driver"
)

// Store begins an upload. The hand begins it too, and gives a descriptor to write into, unless the whole upload may
// still turn out to be one message.
func (c *Client) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u := &upload{c: c, ctx: ctx, name: name, opts: opts}
	if c.atomic.Load() && opts.Size <= maxPut && !opts.Append && opts.Offset == 0 && !opts.Exclusive {
		return u, nil
	}
	if err := u.begin(); err != nil {
		return nil, err
	}
	return u, nil
}

// upload is one that the hand commits.
type upload struct {
	c    *Client
	ctx  context.Context // of Store
	name string
	opts driver.StoreOptions

	kept []byte // what was written before the hand knows of the upload

	id     uint64
	forget func() bool // of the end of ctx, which the hand is told
	f      *os.File    // nil before the hand knows of the upload
	n      int64       // bytes written
	err    error       // after which nothing may be committed
	done   bool
}

// begin has the hand begin the upload, and takes over a descriptor to write into.
func (u *upload) begin() error {
	err := u.c.do(u.ctx, opStore, func(w *writer) { w.String(u.name); writeOptions(w, u.opts) }, func(a *answer) {
		u.id, u.f = a.Uint(), a.takeFile()
	})
	if err != nil {
		u.f = nil // it is closed
		return err
	}
	u.forget = context.AfterFunc(u.ctx, func() { u.c.send(opCancel, u.id, nil) })
	if len(u.kept) == 0 {
		return nil
	}
	n, err := u.f.Write(u.kept)
	u.kept = nil
	u.wrote(int64(n), err)
	return err
}

func (u *upload) Write(p []byte) (int, error) {
	if err := u.writable(); err != nil {
		return 0, err
	}
	if u.f == nil {
		if len(u.kept)+len(p) <= maxPut {
			u.kept = append(u.kept, p...)
			return len(p), nil
		}
		if u.err = u.begin(); u.err != nil {
			return 0, u.err
		}
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
	if u.f == nil {
		if u.err = u.begin(); u.err != nil {
			return 0, u.err
		}
	}
	n, err := u.f.ReadFrom(r)
	u.wrote(n, err)
	return n, err
}

func (u *upload) writable() error {
	if u.done {
		return fs.ErrClosed
	}
	return u.err
}

func (u *upload) wrote(n int64, err error) { u.n, u.err = u.n+n, err }

// Prepare implements driver.Preparer. Of an upload in one message it does nothing.
func (u *upload) Prepare() error {
	if u.f == nil {
		return u.writable()
	}
	return u.ask(opPrepare)
}

func (u *upload) Commit() error {
	if err := u.writable(); err != nil {
		return err
	}
	if u.f == nil {
		u.err = u.put()
	} else {
		u.err = u.ask(opCommit)
	}
	if u.err == nil {
		u.end()
	}
	return u.err
}

// put has the hand do all of the upload. It waits for the answer even if ctx ends, since the file may be there already.
func (u *upload) put() error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	w, err := u.c.begin(opPut, func(w *writer) { w.String(u.name); writeOptions(w, u.opts); w.String(string(u.kept)) })
	if err != nil {
		return err
	}
	defer context.AfterFunc(u.ctx, func() { u.c.send(opCancel, w.id, nil) })()
	return u.c.end(context.Background(), w, nil)
}

// ask has the hand do something with all that was written.
func (u *upload) ask(o op) error {
	if err := u.writable(); err != nil {
		return err
	}
	return u.c.do(context.Background(), o, func(w *writer) { w.Uint(u.id); w.Int(u.n) }, nil)
}

func (u *upload) Close(cause error) error {
	if u.done {
		return nil
	}
	begun := u.f != nil
	u.end()
	if !begun {
		return nil
	}
	return u.c.do(context.Background(), opClose, func(w *writer) { w.Uint(u.id); w.Failure(cause) }, nil)
}

func (u *upload) end() {
	u.done, u.kept = true, nil
	if u.f != nil {
		u.forget()
		u.f.Close()
		u.f = nil
	}
}
