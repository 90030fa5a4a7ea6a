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
)

var (
	// errReplaced is returned for an object that is another one by now.
	errReplaced = errors.New("s3: the object has been replaced")

	// errNoCondition is returned where the store can't remove on a condition.
	errNoCondition = errors.New("s3: the store removes without a condition only")
)

// deleteSame removes an object if it is still the one with that ETag. A look
// comes first, for stores that ignore the condition.
func (f *FS) deleteSame(ctx context.Context, key, etag string) error {
	o, err := f.Client.StatObject(ctx, f.Bucket, key, minio.StatObjectOptions{})
	switch err := meaning(err); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case o.ETag != etag:
		return errReplaced
	}
	err = f.deleteIf(ctx, key, etag)
	if errors.Is(err, errNoCondition) {
		return f.delete(ctx, key)
	}
	return err
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
		return errReplaced
	}
	// Whatever it is, the request without a condition says it better.
	return noCondition(ctx, errors.New(answer.Status))
}

func noCondition(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errNoCondition, err)
}

// transports keeps minio's own transports for http and for https, and with each
// the idle connections.
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
