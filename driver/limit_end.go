package driver

import (
	"context"
	"time"
)

// limitPatience bounds the wait for the FS to tell how large a file is after an upload
// to it has ended, since the session may be gone by then.
const limitPatience = 5 * time.Second

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

// settle counts the file that is there after an upload has ended in the FS; committed is
// zero if the upload was cut. It waits for an FS that hangs no longer than limitPatience.
func (u *limitUpload) settle(committed count) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), limitPatience)
	defer cancel()
	if unlock, err := u.lock(ctx); err == nil {
		defer unlock()
	}
	u.end(ctx, committed)
}

// end counts the file as the FS shows it. If the FS can't tell, the file counts as large
// as committed says, and a file that was written in place as large as its uploads have
// made it.
func (u *limitUpload) end(ctx context.Context, committed count) {
	u.done = true
	counted := false
	defer func() { // the FS may panic
		u.l.mu.Lock()
		defer u.l.unlock()
		u.giveBack()
		if !counted && committed.files > 0 && !(u.there && u.opts.Append) {
			u.l.set(u.file, committed)
		}
		u.forget()
	}()
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), limitPatience)
		defer cancel()
	}
	_, err := u.l.refresh(ctx, u.file, u.real(), committed, u)
	counted = err == nil
}

// giveBack gives back what the upload has reserved. Bytes written in place count as the
// file's from now on. A second call does nothing. mu is held.
func (u *limitUpload) giveBack() {
	if u.given {
		return
	}
	u.given = true
	u.l.reserved.add(count{}.minus(u.reserved))
	u.reserved = count{}
	if u.file == nil {
		return
	}
	if u.there {
		u.l.set(u.file, count{u.file.bytes + u.written, 1})
	}
}

// forget forgets the upload, and the file when this was the last upload to it. mu is held.
func (u *limitUpload) forget() {
	l := u.l
	u.giveBack()
	u.release()
	u.release = func() {}
	delete(l.uploads, u)
	if u.file == nil {
		return
	}
	if u.file.uploads--; u.file.uploads == 0 {
		l.forgetID(u.file)
		for _, k := range u.file.names {
			delete(l.active, k)
		}
	}
}
