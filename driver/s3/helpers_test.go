package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/s3/internal/s3test"
)

const bucket = "exchange"

var errCut = errors.New("cut by the test")

// newFS returns an empty FS on a server of its own.
func newFS(t *testing.T, options ...string) *FS {
	t.Helper()
	s := s3test.Start(t, options...)
	s.Bucket(t, bucket)
	return &FS{Client: s.Client, Bucket: bucket, PartSize: minPartSize}
}

// through returns an FS like f whose requests go through a function.
func (f *FS) through(t *testing.T, trip func(r *http.Request, next http.RoundTripper) (*http.Response, error)) *FS {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := minio.New(f.Client.EndpointURL().Host, &minio.Options{
		Creds:      credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""),
		Region:     s3test.Region,
		Transport:  tripper(func(r *http.Request) (*http.Response, error) { return trip(r, transport) }),
		MaxRetries: 1,
	})
	require.NoError(t, err)
	through := tripper(func(r *http.Request) (*http.Response, error) { return trip(r, transport) })
	return &FS{Client: client, Bucket: f.Bucket, PartSize: f.PartSize, Transport: through}
}

type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// object puts an object as other programs do.
func (f *FS) object(t *testing.T, key, content string) {
	t.Helper()
	_, err := f.Client.PutObject(t.Context(), f.Bucket, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	require.NoError(t, err)
}

// keys returns the keys of all objects.
func (f *FS) keys(t *testing.T) []string {
	t.Helper()
	var keys []string
	for o := range f.Client.ListObjectsIter(t.Context(), f.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		require.NoError(t, o.Err)
		keys = append(keys, o.Key)
	}
	return keys
}

// unfinished returns how many multipart uploads are unfinished.
func (f *FS) unfinished(t *testing.T) int {
	t.Helper()
	n := 0
	for o := range f.Client.ListIncompleteUploads(t.Context(), f.Bucket, "", true) {
		require.NoError(t, o.Err)
		n++
	}
	return n
}

func (f *FS) names(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for fi, err := range f.List(t.Context(), dir) {
		require.NoError(t, err)
		names = append(names, fi.Name())
	}
	slices.Sort(names)
	return names
}

// store stores a file in writes of an odd size.
func (f *FS) store(ctx context.Context, name string, data []byte, opts driver.StoreOptions) error {
	u, err := f.Store(ctx, name, opts)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(data, 99_991) {
		if _, err := u.Write(piece); err != nil {
			return errors.Join(err, u.Close(err))
		}
	}
	err = u.Commit()
	return errors.Join(err, u.Close(err))
}

func (f *FS) read(t *testing.T, name string, offset int64) []byte {
	t.Helper()
	r, err := f.Open(t.Context(), name, offset)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

func noise(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i>>16) ^ byte(i>>8) ^ byte(i)
	}
	return data
}
