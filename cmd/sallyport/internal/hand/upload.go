package hand

import (
	"context"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/sallyport/sallyport/driver"
)

// Store begins an upload. The hand begins it, too, and passes a descriptor to write to, unless the upload may turn out
// to be short enough for one message.
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

// upload is an upload that the hand commits.
type upload struct {
	c    *Client
	ctx  context.Context // the context of Store
	name string
	opts driver.StoreOptions

	kept []byte // what was written before the hand has begun the upload

	begun  bool // the hand has begun the upload
	id     uint64
	forget func() bool // keeps the end of ctx from being told to the hand
	f      *os.File    // nil if the bytes go in messages
	n      int64       // bytes written
	err    error       // once set, nothing may be committed
	done   bool
}

// begin has the hand begin the upload, and takes over the descriptor to write to.
func (u *upload) begin() error {
	err := u.c.do(u.ctx, opStore, func(w *writer) { w.String(u.name); writeOptions(w, u.opts) }, func(a *answer) {
		if u.id = a.Uint(); a.Bool() {
			u.f = a.takeFile()
		}
	})
	if err != nil {
		u.f = nil // do has closed the file
		return err
	}
	u.begun = true
	u.forget = context.AfterFunc(u.ctx, func() { u.c.send(opCancel, u.id, nil) })
	if len(u.kept) == 0 {
		return nil
	}
	n, err := u.write(u.kept)
	u.kept = nil
	u.wrote(int64(n), err)
	return err
}

// write writes to the file, or has the hand write.
func (u *upload) write(p []byte) (n int, err error) {
	if u.f != nil {
		return u.f.Write(p)
	}
	for piece := range slices.Chunk(p, maxPiece) {
		err := u.c.do(u.ctx, opWrite, func(w *writer) { w.Uint(u.id); w.String(string(piece)) }, nil)
		if err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

func (u *upload) Write(p []byte) (int, error) {
	if err := u.writable(); err != nil {
		return 0, err
	}
	if !u.begun {
		if len(u.kept)+len(p) <= maxPut {
			u.kept = append(u.kept, p...)
			return len(p), nil
		}
		if u.err = u.begin(); u.err != nil {
			return 0, u.err
		}
	}
	n, err := u.write(p)
	u.wrote(int64(n), err)
	return n, err
}

// ReadFrom implements io.ReaderFrom: it lets the system move the bytes (splice).
func (u *upload) ReadFrom(r io.Reader) (int64, error) {
	if err := u.writable(); err != nil {
		return 0, err
	}
	if !u.begun {
		if u.err = u.begin(); u.err != nil {
			return 0, u.err
		}
	}
	if u.f == nil {
		return io.CopyBuffer(struct{ io.Writer }{u}, struct{ io.Reader }{r}, make([]byte, maxPiece))
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

// Prepare implements driver.Preparer. It does nothing for an upload that will go in one message.
func (u *upload) Prepare() error {
	if !u.begun {
		return u.writable()
	}
	return u.ask(opPrepare)
}

func (u *upload) Commit() error {
	if err := u.writable(); err != nil {
		return err
	}
	if !u.begun {
		u.err = u.put()
	} else {
		u.err = u.ask(opCommit)
	}
	if u.err == nil {
		u.end()
	}
	return u.err
}

// put has the hand store the whole upload. It waits for the answer even if ctx ends, since the file may be there
// already.
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

// ask makes a call about the upload, and tells how many bytes were written.
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
	begun := u.begun
	u.end()
	if !begun {
		return nil
	}
	return u.c.do(context.Background(), opClose, func(w *writer) { w.Uint(u.id); w.Failure(cause) }, nil)
}

func (u *upload) end() {
	u.done, u.kept = true, nil
	if u.begun {
		u.forget()
		u.begun = false
	}
	if u.f != nil {
		u.f.Close()
		u.f = nil
	}
}
