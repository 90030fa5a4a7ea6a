package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// cleanTime bounds the time for removing what a cut upload or a failed rename has left, when the
// caller no longer waits.
const cleanTime = 30 * time.Second

// settleTime is how long the sending of a part may go on after its upload was cut. A store that has received the whole
// part by then adds the part, even to an upload that was aborted meanwhile: the upload would be there again, and
// nobody would remove it.
const settleTime = 2 * time.Second

// Store begins an upload. Nothing is sent before there is more than one part.
func (f *FS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if err := f.mayStore(ctx, name, opts); err != nil {
		return nil, fail("store", name, err)
	}
	u := &upload{f: f, name: name, key: f.key(name), append: opts.Append && !opts.Exclusive, caller: ctx,
		first: f.partSize(opts.Size)}
	u.ctx, u.cancel = context.WithCancel(context.WithoutCancel(ctx))
	u.forget = context.AfterFunc(ctx, u.cut)
	if opts.Exclusive || opts.Append { // mayStore lets Append pass only for a free name
		u.options.SetMatchETagExcept("*")
	}
	return u, nil
}

func (f *FS) mayStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	if err := f.begin(ctx, name); err != nil {
		return err
	}
	var taken error // the error if a file has the name; nil if it may be replaced
	switch {
	case name == ".":
		return driver.ErrIsDir
	case opts.Exclusive:
		taken = fs.ErrExist
	case opts.Append:
		taken = unsupported("Object storage cannot append to a file: remove it first, or store it whole with STOR.")
	case opts.Offset < 0:
		return fs.ErrInvalid
	case opts.Offset > 0:
		return unsupported("Object storage cannot change a part of a file: store it whole, without REST.")
	}
	if opts.Size > f.largest() {
		return f.tooLarge()
	}
	return together(
		func() error { return f.wantParent(ctx, name) },
		func() error { return f.wantNoDir(ctx, name, driver.ErrIsDir) },
		func() error { return f.wantNoFile(ctx, name, taken) })
}

func (f *FS) tooLarge() error {
	text := fmt.Sprintf("A file may have %d bytes here, and this one has more.", f.largest())
	return &driver.Error{Code: 552, Text: text, Err: driver.ErrQuota}
}

// upload sends one part while it fills the next.
type upload struct {
	f         *FS
	name, key string
	append    bool // to a name that was free
	options   minio.PutObjectOptions

	caller context.Context
	forget func() bool     // stops the AfterFunc of caller
	ctx    context.Context // of parts: ends settleTime after caller, or after Close
	cancel context.CancelFunc

	first int64  // the size of the first parts
	part  []byte // being filled
	spare []byte // the memory of the part before

	id     string // of the multipart upload; empty while there is none
	parts  []minio.CompletePart
	moving chan error // of the part that is being sent; nil for none

	err  error // what went wrong
	done bool
}

func (u *upload) Write(p []byte) (n int, err error) {
	if u.done {
		return 0, fail("write", u.name, fs.ErrClosed)
	}
	for n < len(p) {
		if int64(len(u.part)) == u.size() {
			if err := u.send(); err != nil {
				return n, fail("write", u.name, err)
			}
		}
		n += u.fill(p[n:])
	}
	return n, nil
}

// size returns how large the part that is being filled becomes.
func (u *upload) size() int64 { return u.f.partSizeAt(u.first, len(u.parts)) }

// fill adds to the part. Its memory grows with it, as most files are smaller than
// a part.
func (u *upload) fill(p []byte) int {
	size := int(u.size())
	p = p[:min(len(p), size-len(u.part))]
	if need := len(u.part) + len(p); need > cap(u.part) {
		u.part = append(make([]byte, 0, min(size, max(2*cap(u.part), need))), u.part...)
	}
	u.part = append(u.part, p...)
	return len(p)
}

// send waits until the part before is at the store, and begins to send the part that is full.
func (u *upload) send() error {
	if err := u.wait(); err != nil {
		return err
	}
	if u.err = u.caller.Err(); u.err != nil {
		return u.err
	}
	if len(u.parts) == maxParts {
		u.err = u.f.tooLarge()
		return u.err
	}
	if u.id == "" {
		u.id, u.err = u.f.core().NewMultipartUpload(u.ctx, u.f.Bucket, u.key, minio.PutObjectOptions{})
		if u.err = meaning(u.err); u.err != nil {
			return u.err
		}
	}
	u.parts = append(u.parts, minio.CompletePart{PartNumber: len(u.parts) + 1})
	part, data, moving := &u.parts[len(u.parts)-1], u.part, make(chan error, 1)
	u.part, u.spare, u.moving = u.spare[:0], data, moving
	go func() {
		o, err := u.f.core().PutObjectPart(u.ctx, u.f.Bucket, u.key, u.id, part.PartNumber,
			bytes.NewReader(data), int64(len(data)), minio.PutObjectPartOptions{})
		part.ETag = o.ETag
		moving <- meaning(err)
	}()
	return nil
}

// wait waits for the part that is being sent, and returns the first error of the upload so far.
func (u *upload) wait() error {
	if u.moving != nil {
		err := <-u.moving
		u.moving = nil
		if u.err == nil {
			u.err = err
		}
	}
	return u.err
}

func (u *upload) Commit() error {
	if u.done {
		return fail("commit", u.name, fs.ErrClosed)
	}
	err := u.commit()
	if u.append && errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w: %w", driver.ErrChanged, err)
	}
	if u.err = err; err == nil {
		u.end()
		u.cancel()
	}
	return fail("commit", u.name, err)
}

func (u *upload) commit() error {
	if u.err != nil {
		return u.err
	}
	// Object storage lets an object and a directory share a name, and the object
	// would hide: look again for a directory made since Store.
	if err := u.f.wantNoDir(u.caller, u.name, driver.ErrIsDir); err != nil {
		return err
	}
	if u.id == "" {
		return u.f.put(u.caller, u.key, u.part, u.options)
	}
	if err := u.send(); err != nil {
		return err
	}
	if err := u.wait(); err != nil {
		return err
	}
	_, err := u.f.core().CompleteMultipartUpload(u.caller, u.f.Bucket, u.key, u.id, u.parts, u.options)
	return meaning(err)
}

func (u *upload) Close(error) error {
	if u.done {
		return nil
	}
	u.end()
	u.cut()
	u.wait()
	u.cancel()
	if u.id == "" {
		return nil
	}
	// Clean up even if the caller has gone, which is when there is most to remove.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.caller), cleanTime)
	defer cancel()
	err := u.f.core().AbortMultipartUpload(ctx, u.f.Bucket, u.key, u.id)
	if minio.ToErrorResponse(err).Code == "NoSuchUpload" {
		err = nil // completed after all, or removed by the store
	}
	return fail("abort", u.name, err)
}

// cut ends the context of the parts after settleTime, until which a part that is being sent may
// arrive.
func (u *upload) cut() { time.AfterFunc(settleTime, u.cancel) }

func (u *upload) end() {
	u.done = true
	u.forget()
	u.part, u.spare = nil, nil
}
