package s3

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A store that is out of reach, or fails, is told as that: whoever tries again later may be served.
func TestStoreIsAway(t *testing.T) {
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer failing.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, url := range []string{failing.URL, closed.URL} {
		client, err := minio.New(strings.TrimPrefix(url, "http://"), &minio.Options{
			Creds: credentials.NewStaticV4("a", "b", ""), Region: "us-east-1", MaxRetries: 1,
		})
		require.NoError(t, err)
		files := &FS{Client: client, Bucket: bucket}
		_, err = files.Stat(t.Context(), ".")
		require.NoError(t, err, "the root is always there")
		away := func(err error) {
			t.Helper()
			var own *driver.Error
			require.ErrorAs(t, err, &own)
			require.Equal(t, 451, own.Code)
			require.Contains(t, own.Text, "can't be reached")
		}
		_, err = files.Stat(t.Context(), "a")
		away(err)
		_, err = files.Open(t.Context(), "a", 0)
		away(err)
		_, err = files.Store(t.Context(), "a", driver.StoreOptions{})
		away(err)
		for _, err = range files.List(t.Context(), ".") {
		}
		away(err)
		away(files.Mkdir(t.Context(), "dir"))
		away(files.Remove(t.Context(), "a"))
		away(files.RemoveDir(t.Context(), "dir"))
		away(files.Rename(t.Context(), "a", "b"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = files.Open(ctx, "a", 0)
		require.ErrorIs(t, err, context.Canceled)
	}
}
