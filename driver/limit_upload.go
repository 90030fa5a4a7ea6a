package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// limitPatience is how long the FS may take to say what is left of an upload
// when the session that made it is gone.
const limitPatience = 5 * time.Second

// limitUpload counts what is written.
type limitUpload struct {
	Upload
	l        *Limited
	ctx      context.Context // of Store
	name     string
	how      How
	kept     int64 // bytes of the old file that are part of the new one
	written  int64
	reserved count
	file     *stored
	err      error
	done     bool // it is counted as stored or as gone
	closed   bool
}

// Store begins an upload that counts.
func (l *Limited) Store(ctx context.Context, name string, how How) (up Upload, err error) {
	if err := enter(ctx, "store", name); err != nil {
		return nil, err
	}
	if err := l.lock(ctx); err != nil {
		return nil, err
	}
	defer l.unlock()
	now, id, err := l.look(ctx, name, false)
	if err != nil {
		return nil, err
	}
	u := &limitUpload{l: l, ctx: ctx, name: name, how: how, kept: max(how.Offset, 0)}
	if how.Append {
		u.kept = now.bytes
	}
	if l.quota.FileSize > 0 && u.kept > l.quota.FileSize {
		return nil, fail("store", name, ErrQuota)
	}
	// The number of files is checked first, as an FS that isn't atomic creates
	// the file at once.
	if err := u.reserve(count{files: 1 - now.files}); err != nil {
		return nil, fail("store", name, err)
	}
	defer func() {
		if up == nil { // an error or a panic
			u.abandon()
		}
	}()
	if u.Upload, err = l.fsys.Store(ctx, name, how); err != nil {
		return nil, err
	}
	u.begin(now, id)
	if r, ok := u.Upload.(io.ReaderFrom); ok {
		return &limitReaderFrom{u, r}, nil
	}
	return u, nil
}

func (u *limitUpload) begin(now count, id string) {
	l := u.l
	if u.file = l.find(u.name, id); u.file == nil {
		u.file = &stored{count: now}
	}
	u.file.uploads++
	l.uploads[u] = struct{}{}
	// An FS that isn't atomic may have changed the file by now.
	if c, i, err := l.look(u.ctx, u.name, false); err == nil {
		now, id = c, i
	}
	l.known(u.file, u.name, id)
	l.set(u.file, now)
}

// abandon forgets an upload that nobody will close.
func (u *limitUpload) abandon() {
	defer u.forget()
	if u.Upload != nil {
		_ = u.Upload.Close(errAbandoned)
	}
}

var errAbandoned = errors.New("driver: the upload could not begin")

// reserve counts in advance what forget will give back.
func (u *limitUpload) reserve(c count) error {
	err := u.l.reserve(c)
	if err == nil {
		u.reserved.add(c)
	}
	return err
}

// ready refuses a call that comes too late.
func (u *limitUpload) ready(op string) error {
	if u.done {
		return fail(op, u.name, fs.ErrClosed)
	}
	return u.err
}

// room is how many of n bytes the file itself may still take.
func (u *limitUpload) room(n int64) int64 {
	if most := u.l.quota.FileSize; most > 0 {
		n = min(n, most-u.kept-u.written)
	}
	return max(n, 0)
}

// full is the error of a write that there is no room for. Nothing can be
// committed after it.
func (u *limitUpload) full() error {
	u.err = fail("write", u.name, ErrQuota)
	return u.err
}

// wrote takes note of n bytes and gives back what else was reserved for them.
func (u *limitUpload) wrote(reserved, n int64, err error) {
	rest := count{bytes: n - reserved}
	u.written += n
	u.reserved.add(rest)
	u.err = err
	u.l.adjust(count{}, rest)
}

func (u *limitUpload) Write(p []byte) (int, error) {
	if err := u.ready("write"); err != nil {
		return 0, err
	}
	size := int64(len(p))
	if u.room(size) < size || u.reserve(count{bytes: size}) != nil {
		return 0, u.full()
	}
	n, err := u.Upload.Write(p)
	u.wrote(size, int64(n), err)
	return n, err
}

// Prepare prepares the upload of the FS below.
func (u *limitUpload) Prepare() error {
	if err := u.ready("prepare"); err != nil {
		return err
	}
	u.err = Prepare(u.Upload)
	return u.err
}

// Commit checks once more: what the upload kept of the old file is no longer
// counted if another upload has replaced that by a smaller one.
func (u *limitUpload) Commit() error {
	if err := u.ready("commit"); err != nil {
		return err
	}
	if err := u.l.lock(u.ctx); err != nil {
		return err
	}
	defer u.l.unlock()
	if u.how.Append {
		u.kept = u.file.bytes
	}
	size := count{u.kept + u.written, 1}
	more := size.minus(u.file.count).minus(u.reserved)
	if u.reserve(count{max(more.bytes, 0), max(more.files, 0)}) != nil {
		return u.full()
	}
	if err := u.Upload.Commit(); err != nil {
		u.err = err
		return err
	}
	u.end(size)
	return nil
}

// Close gives back what was reserved, and counts what the FS kept of a cut
// upload.
func (u *limitUpload) Close(cause error) error {
	if u.closed {
		return nil
	}
	u.closed = true
	if !u.done {
		defer func() {
			_ = u.l.lock(context.Background()) // never an error
			defer u.l.unlock()
			u.end(count{})
		}()
	}
	return u.Upload.Close(cause)
}

// end counts the file as the FS shows it. What it can't tell is counted as it
// should be, and so is a file that is not there: it may have gone elsewhere if a
// directory was renamed by another name.
func (u *limitUpload) end(committed count) {
	now, id := u.file.count, u.file.id
	if committed.files > 0 {
		now = committed
	}
	u.done = true
	defer func() { // the FS may panic
		u.l.known(u.file, u.name, id)
		u.l.set(u.file, now)
		u.forget()
	}()
	ctx := u.ctx
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), limitPatience)
		defer cancel()
	}
	if c, i, err := u.l.look(ctx, u.name, false); err == nil && (c.files > 0 || committed.files == 0) {
		now, id = c, i
	}
}

// forget gives back what is reserved and ends the part that the upload has in
// its file.
func (u *limitUpload) forget() {
	u.l.adjust(count{}, count{}.minus(u.reserved))
	delete(u.l.uploads, u)
	if u.file == nil {
		return
	}
	if u.file.uploads--; u.file.uploads == 0 {
		u.l.forgetID(u.file)
		for _, k := range u.file.names {
			delete(u.l.active, k)
		}
	}
}
