package s3

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// Open opens a file. A connection to the store that breaks meanwhile is made
// again, as long as the file is the same.
func (f *FS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	r, err := f.open(ctx, name, offset)
	if err != nil {
		return nil, fail("open", name, err)
	}
	return r, nil
}

func (f *FS) open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := f.begin(ctx, name); err != nil {
		return nil, err
	}
	switch {
	case name == ".":
		return nil, driver.ErrIsDir
	case offset < 0:
		return nil, fs.ErrInvalid
	}
	body, o, err := f.get(ctx, name, offset, "")
	switch {
	case err == nil:
		return &reader{f: f, ctx: ctx, name: name, etag: o.ETag, at: offset, end: offset + o.Size, body: body}, nil
	case errors.Is(err, fs.ErrNotExist):
		if err := f.wantNoDir(ctx, name, driver.ErrIsDir); err != nil {
			return nil, err
		}
		return nil, err
	case minio.ToErrorResponse(err).Code != "InvalidRange":
		return nil, err
	}
	// The store also gives that error for an offset at the end of the file.
	o, err = f.head(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case offset > o.Size:
		return nil, driver.ErrOffset
	}
	return io.NopCloser(io.LimitReader(nil, 0)), nil
}

// get requests the bytes of a file from an offset on. If etag is not empty, the
// file must still have it.
func (f *FS) get(ctx context.Context, name string, offset int64, etag string) (io.ReadCloser, minio.ObjectInfo, error) {
	var o minio.GetObjectOptions
	if offset > 0 { // an empty file has no range
		if err := o.SetRange(offset, 0); err != nil {
			return nil, minio.ObjectInfo{}, err
		}
	}
	if etag != "" {
		if err := o.SetMatchETag(etag); err != nil {
			return nil, minio.ObjectInfo{}, err
		}
	}
	body, info, _, err := f.core().GetObject(ctx, f.Bucket, f.key(name), o)
	return body, info, meaning(err)
}

// patience is how often in a row a connection may break before another byte has
// come.
const patience = 3

// reader reads a file to the end it had when it was opened.
type reader struct {
	f       *FS
	ctx     context.Context
	name    string
	etag    string
	at, end int64
	body    io.ReadCloser
	broken  int
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		if r.at >= r.end {
			return 0, io.EOF
		}
		n, err := r.body.Read(p)
		if r.at += int64(n); n > 0 {
			r.broken = 0
			return n, nil // the next call shows what went wrong behind these bytes
		}
		if err == nil {
			return 0, nil
		}
		if err := r.again(err); err != nil {
			return 0, fail("read", r.name, err)
		}
	}
}

// again asks for the rest of the file after its body broke.
func (r *reader) again(why error) error {
	r.body.Close()
	if why == io.EOF {
		why = io.ErrUnexpectedEOF
	}
	if r.broken++; r.broken > patience || r.ctx.Err() != nil {
		return why
	}
	body, _, err := r.f.get(r.ctx, r.name, r.at, r.etag)
	if err != nil {
		return err
	}
	r.body = body
	return nil
}

func (r *reader) Close() error {
	r.broken = patience
	return r.body.Close()
}
