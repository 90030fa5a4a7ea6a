package s3

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/sallyport/sallyport/driver"
)

// errNoCondition is returned where the store can't remove on a condition.
var errNoCondition = errors.New("s3: the store removes without a condition only")

// deleteSame removes an object if it still has that ETag. An object with another
// ETag stays, and the error is ErrChanged. A look comes first, for stores that
// ignore the condition.
func (f *FS) deleteSame(ctx context.Context, key, etag string) error {
	there, err := f.has(ctx, key, etag)
	if err != nil || !there {
		return err
	}
	return f.deleteSeen(ctx, key, etag)
}

// deleteSeen removes an object that has just been seen to have that ETag, as
// deleteSame does. Where the store knows no condition, deleteSeen removes the object
// without one. It looks again before that, because the first request may have taken
// its time to fail, or have removed the object all the same.
func (f *FS) deleteSeen(ctx context.Context, key, etag string) error {
	err := f.deleteIf(ctx, key, etag)
	if !errors.Is(err, errNoCondition) {
		return err
	}
	there, err := f.has(ctx, key, etag)
	if err != nil || !there {
		return err
	}
	return f.delete(ctx, key)
}

// has reports whether an object is there and has that ETag. The error is ErrChanged
// if it has another one.
func (f *FS) has(ctx context.Context, key, etag string) (bool, error) {
	switch o, err := f.headKey(ctx, key); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case o.ETag != etag:
		return false, driver.ErrChanged
	}
	return true, nil
}

// requestTime is how long a signed request is good for.
const requestTime = 5 * time.Minute

// deleteIf removes an object on the condition that it has that ETag.
func (f *FS) deleteIf(ctx context.Context, key, etag string) error {
	header := http.Header{"If-Match": {`"` + etag + `"`}}
	u, err := f.Client.PresignHeader(ctx, http.MethodDelete, f.Bucket, key, requestTime, nil, header)
	if err != nil {
		return noCondition(ctx, err) // anonymous clients can't sign
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, u.String(), nil)
	if err != nil {
		return err
	}
	r.Header = header
	transport, err := f.transport(u.Scheme == "https")
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return noCondition(ctx, err)
	}
	answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK, http.StatusNoContent, http.StatusNotFound:
		return nil
	case http.StatusPreconditionFailed, http.StatusConflict:
		return driver.ErrChanged
	}
	// Leave any other answer to the request without a condition, whose error says
	// more.
	return noCondition(ctx, errors.New(answer.Status))
}

func noCondition(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errNoCondition, err)
}

// transports holds minio's own transports for http and for https, and so their idle
// connections.
var transports sync.Map

func (f *FS) transport(secure bool) (http.RoundTripper, error) {
	if f.Transport != nil {
		return f.Transport, nil
	}
	if t, ok := transports.Load(secure); ok {
		return t.(http.RoundTripper), nil
	}
	t, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, err
	}
	kept, _ := transports.LoadOrStore(secure, t)
	return kept.(http.RoundTripper), nil
}
