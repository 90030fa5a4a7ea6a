package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
)

// memChunk is the size of a full chunk. Appending to a file copies at most one
// chunk and the list of them.
const memChunk = 64 << 10

// memData is the content of a file: chunks that are all full except the last.
// Once it belongs to a node it never changes.
type memData struct {
	chunks [][]byte
	size   int64
}

// head returns the first n bytes, for an upload to add to. Full chunks are shared,
// and the last one is copied.
func (d memData) head(n int64) memData {
	full := int(n / memChunk)
	h := memData{chunks: slices.Clone(d.chunks[:full]), size: n}
	if rest := n % memChunk; rest > 0 {
		h.chunks = append(h.chunks, slices.Clone(d.chunks[full][:rest]))
	}
	return h
}

// write adds to the end. A chunk grows as a slice does, so a small file takes
// little memory.
func (d *memData) write(p []byte) {
	d.size += int64(len(p))
	for len(p) > 0 {
		last := len(d.chunks) - 1
		if last < 0 || len(d.chunks[last]) == memChunk {
			d.chunks = append(d.chunks, nil)
			last++
		}
		n := min(len(p), memChunk-len(d.chunks[last]))
		d.chunks[last] = append(d.chunks[last], p[:n]...)
		p = p[n:]
	}
}

// readAt copies bytes of one chunk.
func (d memData) readAt(p []byte, at int64) int {
	return copy(p, d.chunks[at/memChunk][at%memChunk:])
}

// memReader reads the content a file had when it was opened.
type memReader struct {
	data   memData
	at     int64
	closed bool
}

func (r *memReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	for n < len(p) && r.at < r.data.size {
		m := r.data.readAt(p[n:], r.at)
		n += m
		r.at += int64(m)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo hands over whole chunks without copying them.
func (r *memReader) WriteTo(w io.Writer) (int64, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	var n int64
	for r.at < r.data.size {
		m, err := w.Write(r.data.chunks[r.at/memChunk][r.at%memChunk:])
		r.at += int64(m)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (r *memReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.data.size
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	r.at = offset
	return offset, nil
}

func (r *memReader) Close() error {
	r.closed, r.data = true, memData{}
	return nil
}

// memUpload is content that no node has yet: all of a new file, or with Append or an
// Offset the part behind the kept bytes of an old one.
type memUpload struct {
	m    *MemFS
	name string
	opts StoreOptions
	old  *memNode // what had the name in Store
	kept *memNode // what had the name in Keep
	data memData
	done bool

	looked bool // Keep was called: only kept may be added to
}

// Store begins an upload.
func (m *MemFS) Store(ctx context.Context, name string, opts StoreOptions) (Upload, error) {
	if opts.Append {
		opts.Offset = 0
	}
	u := &memUpload{m: m, name: name, opts: opts}
	err := m.change(ctx, "store", name, func(dir *memNode, base string) error {
		u.old = dir.entries[base]
		if err := u.check(u.old); err != nil {
			return err
		}
		switch {
		case opts.Offset < 0:
			return fs.ErrInvalid
		case opts.Offset > u.old.length():
			return ErrOffset
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// length returns the size of a file, 0 for one that is not there.
func (n *memNode) length() int64 {
	if n == nil {
		return 0
	}
	return n.data.size
}

// check returns an error if the upload may not replace n, the node that has the name; n
// is nil if the name is free.
func (u *memUpload) check(n *memNode) error {
	switch {
	case u.name == "." || n != nil && n.entries != nil:
		return ErrIsDir
	case n != nil && u.opts.Exclusive:
		return fs.ErrExist
	}
	return nil
}

func (u *memUpload) Write(p []byte) (int, error) {
	if u.done {
		return 0, fail("write", u.name, fs.ErrClosed)
	}
	u.data.write(p)
	return len(p), nil
}

// Commit makes the new content without the lock, from what the file is at that
// moment, and begins again if the file has been replaced in between.
func (u *memUpload) Commit() error {
	if u.done {
		return fail("commit", u.name, fs.ErrClosed)
	}
	for {
		var now *memNode
		err := u.at(func(_ *memNode, _ string, n *memNode) error { now = n; return u.may(n) })
		if err != nil {
			return err
		}
		data := u.over(now)
		err = u.at(func(dir *memNode, base string, n *memNode) error {
			if n != now {
				return errAgain
			}
			u.put(dir, base, n, data)
			return nil
		})
		if !errors.Is(err, errAgain) {
			return err
		}
	}
}

// errAgain is returned where a file was replaced while its content was being made.
var errAgain = errors.New("driver: try again")

// at runs f, under the lock, on the node that has the name.
func (u *memUpload) at(f func(dir *memNode, base string, n *memNode) error) error {
	return u.m.change(context.Background(), "commit", u.name, func(dir *memNode, base string) error {
		return f(dir, base, dir.entries[base])
	})
}

// may returns an error if the upload may no longer be committed over now, the node that
// has the name.
func (u *memUpload) may(now *memNode) error {
	switch {
	case u.opts.Append && u.old != nil && now == nil, u.opts.Offset > 0 && now != u.old,
		u.looked && now != u.kept:
		return ErrChanged
	}
	return u.check(now)
}

// keeps returns how many bytes of a file the upload keeps.
func (u *memUpload) keeps(now *memNode) int64 {
	if u.opts.Append {
		return now.length()
	}
	return u.opts.Offset
}

// over returns the content that a file has after the upload was committed to it.
func (u *memUpload) over(now *memNode) memData {
	keep := u.keeps(now)
	if keep == 0 {
		return u.data
	}
	data := now.data.head(keep)
	for _, chunk := range u.data.chunks {
		data.write(chunk)
	}
	return data
}

func (u *memUpload) put(dir *memNode, base string, old *memNode, data memData) {
	n := u.m.node(false)
	n.data = data
	if old != nil {
		n.mode = old.mode
	}
	dir.put(base, n)
	u.done, u.data = true, memData{}
}

func (u *memUpload) Close(error) error {
	u.done, u.data = true, memData{}
	return nil
}
