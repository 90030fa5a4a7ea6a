package s3

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// breaking returns an FS like f whose connections break when they have carried so
// many bytes of a file.
func (f *FS) breaking(t *testing.T, after int, gets *atomic.Int64) *FS {
	return f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil && r.Method == http.MethodGet && r.URL.Path != "/"+bucket+"/" {
			gets.Add(1)
			resp.Body = &breakingBody{resp.Body, after}
		}
		return resp, err
	})
}

type breakingBody struct {
	io.ReadCloser
	left int
}

func (b *breakingBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func TestReadGoesOn(t *testing.T) {
	f := newFS(t)
	data := noise(100_000)
	require.NoError(t, f.store(t.Context(), "a", data, driver.StoreOptions{}))
	for _, offset := range []int64{0, 12_345} {
		var gets atomic.Int64
		got := f.breaking(t, 30_000, &gets).read(t, "a", offset)
		require.True(t, bytes.Equal(data[offset:], got))
		require.Greater(t, gets.Load(), int64(2))
	}
}

// A read that goes on after a broken connection never continues in another file.
func TestReadReplaced(t *testing.T) {
	f := newFS(t)
	require.NoError(t, f.store(t.Context(), "a", noise(100_000), driver.StoreOptions{}))
	var gets atomic.Int64
	r, err := f.breaking(t, 30_000, &gets).Open(t.Context(), "a", 0)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, f.store(t.Context(), "a", bytes.Repeat([]byte("x"), 100_000), driver.StoreOptions{}))
	got, err := io.ReadAll(r)
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.True(t, bytes.Equal(noise(100_000)[:len(got)], got))
}

func TestReadGivesUp(t *testing.T) {
	f := newFS(t)
	require.NoError(t, f.store(t.Context(), "a", noise(100), driver.StoreOptions{}))
	var gets atomic.Int64
	r, err := f.breaking(t, 0, &gets).Open(t.Context(), "a", 0)
	require.NoError(t, err)
	n, err := r.Read(make([]byte, 10))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.EqualValues(t, 1+patience, gets.Load())
	require.NoError(t, r.Close())
	_, err = r.Read(make([]byte, 10))
	require.Error(t, err, "after Close")
	require.EqualValues(t, 1+patience, gets.Load())
}
