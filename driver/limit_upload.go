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
	opts     StoreOptions
	kept     int64 // bytes of the old file that are part of the new one
	written  int64
	reserved count
	file     *stored
	inPlace  bool // what is written is in the file at once
	err      error
	done     bool // it is counted as stored or as gone
	closed   bool
}

// Store begins an upload that counts.
func (l *Limited) Store(ctx context.Context, name string, opts StoreOptions) (up Upload, err error) {
	if err := enter(ctx, "store", name); err != nil {
		return nil, err
	}
	unlock, err := l.lock(ctx, name)
	if err != nil {
		return nil, fail("store", name, err)
	}
	defer unlock()
	now, id, err := l.look(ctx, name, false)
	if err != nil {
		return nil, err
	}
	u := &limitUpload{l: l, ctx: ctx, name: name, opts: opts, kept: max(opts.Offset, 0)}
	if opts.Append {
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
	if u.Upload, err = l.fsys.Store(ctx, name, opts); err != nil {
		return nil, err
	}
	u.inPlace = writesInPlace(u.Upload)
	u.begin(now, id)
	if r, ok := u.Upload.(io.ReaderFrom); ok {
		return &limitReaderFrom{u, r}, nil
	}
	return u, nil
}

// begin takes note of the upload. The file was as large as now says before Store.
func (u *limitUpload) begin(now count, id string) {
	l := u.l
	u.file = l.find(u.ctx, u.name, id)
	l.mu.Lock()
	if u.file == nil || u.file.uploads == 0 { // it may have ended since
		u.file = &stored{count: now, name: u.name, asking: make(chan struct{}, 1)}
	}
	if u.file.uploads++; u.file.appended == 0 {
		u.file.base = now.bytes
	}
	l.uploads[u] = struct{}{}
	l.known(u.file, u.name, id)
	l.mu.Unlock()
	// An FS that isn't atomic may have changed the file by now.
	_, _ = l.refresh(u.ctx, u.file, u.name, count{})
}

// abandon forgets an upload that nobody will close.
func (u *limitUpload) abandon() {
	defer func() {
		u.l.mu.Lock()
		defer u.l.mu.Unlock()
		u.forget()
	}()
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

// claim reserves up to n bytes and says how many: what the quota and the size of
// one file leave.
func (u *limitUpload) claim(n int64) int64 {
	l := u.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if most := l.quota.FileSize; most > 0 && u.opts.Append {
		n = min(n, most-u.file.base-u.file.appended)
	} else if most > 0 {
		n = min(n, most-u.kept-u.written)
	}
	n = max(min(n, l.left().bytes), 0)
	u.claimed(n)
	return n
}

// claimed counts n bytes more, or fewer. mu is held.
func (u *limitUpload) claimed(n int64) {
	u.l.reserved.bytes += n
	u.reserved.bytes += n
	if u.opts.Append {
		u.file.appended += n
	}
}

// full returns the error of a write that there is no room for. Nothing can be
// committed after that.
func (u *limitUpload) full() error {
	u.err = fail("write", u.name, ErrQuota)
	return u.err
}

// wrote takes note of n bytes and gives back what else was claimed for them.
func (u *limitUpload) wrote(claimed, n int64, err error) {
	u.l.mu.Lock()
	defer u.l.mu.Unlock()
	u.claimed(n - claimed)
	u.written += n
	u.err = err
}

func (u *limitUpload) Write(p []byte) (int, error) {
	if err := u.ready("write"); err != nil {
		return 0, err
	}
	size := int64(len(p))
	if claimed := u.claim(size); claimed < size {
		u.wrote(claimed, 0, nil)
		return 0, u.full()
	}
	n, err := u.Upload.Write(p)
	u.wrote(size, int64(n), err)
	return n, err
}

// Unwrap returns the upload of the FS below, for its abilities.
func (u *limitUpload) Unwrap() Upload { return u.Upload }

// Prepare prepares the upload of the FS below.
func (u *limitUpload) Prepare() error {
	if err := u.ready("prepare"); err != nil {
		return err
	}
	u.err = Prepare(u.Upload)
	return u.err
}

// Commit checks once more: what the upload keeps of the old file is no longer
// counted, or more than there was, if another upload has replaced that.
//
// The lock of the name comes before the FS's own locks. An upload in place has
// the FS's lock of its file since Store and only Commit gives that back, so it
// commits first: what it wrote is counted already.
func (u *limitUpload) Commit() error {
	switch err := u.ready("commit"); {
	case err != nil:
		return err
	case u.inPlace:
		return u.commitInPlace()
	}
	unlock, err := u.l.lock(u.ctx, u.name)
	if err != nil {
		return fail("commit", u.name, err)
	}
	defer unlock()
	size, err := u.fits()
	if err != nil {
		return err
	}
	if err := u.Upload.Commit(); err != nil {
		u.err = err
		return err
	}
	u.end(u.ctx, size)
	return nil
}

// commitInPlace commits without the lock of the name: another upload of the file
// may hold that lock and be waiting for this commit.
func (u *limitUpload) commitInPlace() error {
	size, err := u.fits()
	if err != nil {
		return err
	}
	if err := u.Upload.Commit(); err != nil {
		u.err = err
		return err
	}
	u.settle(size)
	return nil
}

// fits reserves what the file will take beyond what is counted for it, and
// returns the size that it will have.
func (u *limitUpload) fits() (count, error) {
	size, err := u.size()
	if err != nil {
		return size, fail("commit", u.name, err)
	}
	if most := u.l.quota.FileSize; most > 0 && size.bytes > most {
		return size, u.full()
	}
	u.l.mu.Lock()
	more := size.minus(u.file.count).minus(u.reserved)
	u.l.mu.Unlock()
	if u.reserve(count{max(more.bytes, 0), max(more.files, 0)}) != nil {
		return size, u.full()
	}
	return size, nil
}

// size returns how large the file will be.
func (u *limitUpload) size() (count, error) {
	if !u.opts.Append {
		return count{u.kept + u.written, 1}, nil
	}
	now, err := u.l.refresh(u.ctx, u.file, u.name, count{})
	if err != nil {
		return count{}, err
	}
	if u.inFile(now.bytes) {
		return count{now.bytes, 1}, nil
	}
	return count{now.bytes + u.written, 1}, nil
}

// inFile reports whether what was written is in the file already; now is the size
// of the file. An FS of another package that isn't atomic shows itself by its size.
func (u *limitUpload) inFile(now int64) bool {
	if u.inPlace {
		return true
	}
	u.l.mu.Lock()
	defer u.l.mu.Unlock()
	return u.written > 0 && u.file.uploads == 1 && now == u.kept+u.written
}

// writesInPlace reports whether an upload, or one that it wraps, is one in place.
func writesInPlace(u Upload) bool {
	for {
		switch v := u.(type) {
		case *inPlaceUpload:
			return true
		case interface{ Unwrap() Upload }:
			u = v.Unwrap()
		default:
			return false
		}
	}
}

// Close gives back what was reserved, and counts what the FS kept of a cut
// upload.
func (u *limitUpload) Close(cause error) error {
	if u.closed {
		return nil
	}
	u.closed = true
	if !u.done {
		defer u.settle(count{})
	}
	return u.Upload.Close(cause)
}

// settle counts what is there after an upload has ended in the FS; committed is zero
// if the upload was cut. The wait for an FS that hangs ends after limitPatience.
func (u *limitUpload) settle(committed count) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), limitPatience)
	defer cancel()
	if unlock, err := u.l.lock(ctx, u.name); err == nil {
		defer unlock()
	}
	u.end(ctx, committed)
}

// end counts the file as the FS shows it. If the FS can't tell, the file counts as
// large as committed says.
func (u *limitUpload) end(ctx context.Context, committed count) {
	u.done = true
	counted := false
	defer func() { // the FS may panic
		u.l.mu.Lock()
		defer u.l.mu.Unlock()
		if !counted && committed.files > 0 {
			u.l.set(u.file, committed)
		}
		u.forget()
	}()
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), limitPatience)
		defer cancel()
	}
	_, err := u.l.refresh(ctx, u.file, u.name, committed)
	counted = err == nil
}

// forget gives back what is reserved, and forgets the file when this was the last
// upload to it. mu is held.
func (u *limitUpload) forget() {
	l := u.l
	l.reserved.add(count{}.minus(u.reserved))
	delete(l.uploads, u)
	if u.file == nil {
		return
	}
	if u.opts.Append {
		u.file.appended -= u.written
		u.file.base = u.file.bytes
		for other := range l.uploads {
			if other.file == u.file && other.inPlace && other.opts.Append {
				u.file.base -= other.written
			}
		}
	}
	if u.file.uploads--; u.file.uploads == 0 {
		l.forgetID(u.file)
		for _, k := range u.file.names {
			delete(l.active, k)
		}
	}
}
