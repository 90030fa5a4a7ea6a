package driver

import (
	"context"
	"io"
	"io/fs"
)

// limitStep is how much ReadFrom reserves at a time.
const limitStep = 1 << 20

// limitUpload counts what is written.
type limitUpload struct {
	Upload
	l        *Limited
	name     string
	kept     int64 // bytes of the old file that are part of the new one
	written  int64
	reserved count
	file     *stored
	err      error
	done     bool
}

// Store begins an upload that counts.
func (l *Limited) Store(ctx context.Context, name string, how How) (Upload, error) {
	if err := enter(ctx, "store", name); err != nil {
		return nil, err
	}
	l.change.Lock()
	defer l.change.Unlock()
	now, id := l.look(ctx, name, false)
	u := &limitUpload{l: l, name: name, kept: max(how.Offset, 0)}
	if how.Append {
		u.kept = now.bytes
	}
	if l.quota.FileSize > 0 && u.kept > l.quota.FileSize {
		return nil, fail("store", name, ErrQuota)
	}
	// The number of files is checked first, as an FS that isn't atomic creates
	// the file at once.
	if err := l.reserve(count{files: 1 - now.files}); err != nil {
		return nil, fail("store", name, err)
	}
	u.reserved.files = 1 - now.files
	inner, err := l.fsys.Store(ctx, name, how)
	if err != nil {
		l.adjust(count{}, count{}.minus(u.reserved))
		return nil, err
	}
	u.Upload = inner
	u.begin(now, id)
	if r, ok := inner.(io.ReaderFrom); ok {
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
	now, id = l.look(context.Background(), u.name, false)
	l.known(u.file, u.name, id)
	l.set(u.file, now)
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
	u.written += n
	u.reserved.bytes += n
	u.err = err
	u.l.adjust(count{}, count{bytes: n - reserved})
}

func (u *limitUpload) Write(p []byte) (int, error) {
	if err := u.ready("write"); err != nil {
		return 0, err
	}
	size := int64(len(p))
	if u.room(size) < size || u.l.reserve(count{bytes: size}) != nil {
		return 0, u.full()
	}
	n, err := u.Upload.Write(p)
	u.wrote(size, int64(n), err)
	return n, err
}

// Commit checks once more: what the upload kept of the old file is no longer
// counted if another upload has replaced that by a smaller one.
func (u *limitUpload) Commit() error {
	if err := u.ready("commit"); err != nil {
		return err
	}
	u.l.change.Lock()
	defer u.l.change.Unlock()
	size := count{u.kept + u.written, 1}
	more := size.minus(u.file.count).minus(u.reserved)
	more = count{max(more.bytes, 0), max(more.files, 0)}
	if err := u.l.reserve(more); err != nil {
		return u.full()
	}
	u.reserved.add(more)
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
	if u.done {
		return nil
	}
	u.l.change.Lock()
	defer u.l.change.Unlock()
	err := u.Upload.Close(cause)
	u.end(count{})
	return err
}

// end counts the file as the FS shows it, but no less than what was committed:
// it may have gone elsewhere if a directory was renamed by another name.
func (u *limitUpload) end(committed count) {
	l := u.l
	u.done = true
	now, id := l.look(context.Background(), u.name, false)
	l.known(u.file, u.name, id)
	l.set(u.file, count{max(now.bytes, committed.bytes), max(now.files, committed.files)})
	l.adjust(count{}, count{}.minus(u.reserved))
	delete(l.uploads, u)
	if u.file.uploads--; u.file.uploads == 0 {
		l.forgetID(u.file)
		for _, k := range u.file.names {
			delete(l.active, k)
		}
	}
}

// limitReaderFrom is an upload of an FS that can take data from a reader by
// itself.
type limitReaderFrom struct {
	*limitUpload
	from io.ReaderFrom
}

func (u *limitReaderFrom) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for {
		if err := u.ready("write"); err != nil {
			return total, err
		}
		step := u.l.take(u.room(limitStep))
		if step == 0 {
			return total, u.atEnd(r)
		}
		n, err := u.from.ReadFrom(io.LimitReader(r, step))
		u.wrote(step, n, err)
		total += n
		if err != nil || n < step {
			return total, err
		}
	}
}

// atEnd tells data that just fits from data that goes on where there is no room.
func (u *limitReaderFrom) atEnd(r io.Reader) error {
	var b [1]byte
	switch n, err := io.ReadFull(r, b[:]); {
	case n > 0:
		return u.full()
	case err == io.EOF:
		return nil
	default:
		u.err = err
		return err
	}
}
