package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
)

// limitUpload is an upload whose bytes count as they are written.
type limitUpload struct {
	Upload
	l        *Limited
	ctx      context.Context // of Store
	name     string
	locked   lockedNames
	opts     StoreOptions
	kept     int64 // bytes of the old file that are part of the new one
	written  int64
	reserved count
	file     *stored
	inPlace  bool // an upload in place of this package is within: see Commit
	there    bool // written bytes are in the file at once
	err      error
	done     bool // the upload is counted as stored or as gone
	given    bool // see giveBack
	closed   bool
	release  func() // tells others that the upload has ended
}

// Store begins an upload that counts.
func (l *Limited) Store(ctx context.Context, name string, opts StoreOptions) (up Upload, err error) {
	if err := enter(ctx, "store", name); err != nil {
		return nil, err
	}
	locked, unlock, err := l.lockFiles(ctx, true, name)
	if err != nil {
		return nil, fail("store", name, err)
	}
	defer unlock()
	if l.elsewhere(locked...) {
		return nil, uploadInProgress("store", name)
	}
	now, id, err := l.sizeOf(ctx, name, false)
	if err != nil {
		return nil, err
	}
	u := &limitUpload{l: l, ctx: ctx, name: name, locked: locked, opts: opts, kept: max(opts.Offset, 0), release: func() {}}
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
	if l.usage != nil {
		if u.release, err = l.usage.Upload(locked...); err != nil {
			u.release = func() {}
			return nil, fail("store", name, err)
		}
	}
	if u.Upload, err = l.fsys.Store(ctx, name, opts); err != nil {
		return nil, err
	}
	u.inPlace = writesInPlace(u.Upload)
	u.there = u.inPlace
	u.begin(now, id)
	if r, ok := u.Upload.(io.ReaderFrom); ok {
		return &limitReaderFrom{u, r}, nil
	}
	return u, nil
}

// begin registers the upload. The file was as large as now says before Store.
func (u *limitUpload) begin(now count, id string) {
	l := u.l
	u.file = l.find(u.ctx, u.real(), id)
	l.mu.Lock()
	if u.file == nil || u.file.uploads == 0 { // its last upload may have ended since
		u.file = &stored{count: now, name: u.real(), asking: make(chan struct{}, 1), committing: make(chan struct{}, 1)}
	}
	u.file.uploads++
	l.uploads[u] = struct{}{}
	l.known(u.file, u.real(), id)
	l.unlock()
	// An FS that isn't atomic may have changed the file in Store, which shows that it
	// writes in place.
	seen, err := l.refresh(u.ctx, u.file, u.real(), count{}, nil)
	l.mu.Lock()
	defer l.unlock()
	if u.file.uploads > 1 {
		u.file.several = true
	} else if err == nil && seen != now {
		u.there = true
	}
}

// abandon forgets an upload that nobody will close.
func (u *limitUpload) abandon() {
	defer func() {
		u.l.mu.Lock()
		defer u.l.unlock()
		u.forget()
	}()
	if u.Upload != nil {
		_ = u.Upload.Close(errAbandoned)
	}
}

var errAbandoned = errors.New("driver: the upload could not begin")

// reserve counts in advance what forget will give back, or refuses with ErrQuota. The
// comparison subtracts rather than adds, so that no sum can overflow.
func (u *limitUpload) reserve(c count) error {
	l := u.l
	l.mu.Lock()
	defer l.unlock()
	left := l.left()
	if c.bytes > left.bytes || c.files > left.files {
		return ErrQuota
	}
	l.reserved.add(c)
	u.reserved.add(c)
	if l.beyond(c) {
		l.reserved.add(count{}.minus(c))
		u.reserved.add(count{}.minus(c))
		return ErrQuota
	}
	return nil
}

// ready refuses a call that comes too late.
func (u *limitUpload) ready(op string) error {
	if u.done {
		return fail(op, u.name, fs.ErrClosed)
	}
	return u.err
}

// claim reserves n bytes, or as many as the quota and FileSize leave, and returns how
// many. If it is all of them, the old bytes that the first Write in place removes count no
// more.
func (u *limitUpload) claim(n int64) int64 {
	l := u.l
	l.mu.Lock()
	defer l.unlock()
	if n > 0 && u.cuts() && n <= min(u.room(), l.leftWith(u.file.bytes-u.kept).bytes) {
		l.set(u.file, count{u.kept, u.file.files})
	}
	n = max(min(n, u.room(), l.left().bytes), 0)
	u.claimed(n)
	if l.beyond(count{bytes: n}) {
		u.claimed(-n)
		return 0
	}
	return n
}

// cuts reports whether bytes of the old file still count that a Write removes. mu is held.
func (u *limitUpload) cuts() bool {
	return u.there && !u.opts.Append && u.kept < u.file.bytes
}

// room returns how many bytes more FileSize leaves to the upload. An upload that appends
// adds to the end of the file, and the file must not be too large when all that append
// have committed. An upload that replaces the file as a whole leaves that to the Commits
// of the appends, which see then how large the file is. mu is held.
func (u *limitUpload) room() int64 {
	most := u.l.quota.FileSize
	switch {
	case most == 0:
		return math.MaxInt64
	case u.opts.Append:
		return most - u.file.bytes - u.l.reservedFor(u.file, func(v *limitUpload) bool { return v.there || v.opts.Append })
	case u.there:
		most -= u.l.reservedFor(u.file, func(v *limitUpload) bool { return !v.there && v.opts.Append })
	}
	return most - u.kept - u.written
}

// claimed adds n, which may be negative, to what is counted as reserved by the upload. mu
// is held.
func (u *limitUpload) claimed(n int64) {
	u.l.reserved.bytes += n
	u.reserved.bytes += n
}

// full returns the error of a write that there is no room for. Nothing can be
// committed after that.
func (u *limitUpload) full() error {
	u.err = fail("write", u.name, ErrQuota)
	return u.err
}

// wrote records that n bytes were written, and gives back the rest of the claimed ones.
func (u *limitUpload) wrote(claimed, n int64, err error) {
	u.l.mu.Lock()
	defer u.l.unlock()
	u.claimed(n - claimed)
	u.written += n
	if n > 0 && u.cuts() { // it has turned out meanwhile that the FS writes in place
		u.l.set(u.file, count{u.kept, u.file.files})
	}
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

// Unwrap returns the wrapped upload, whose abilities are used.
func (u *limitUpload) Unwrap() Upload { return u.Upload }
