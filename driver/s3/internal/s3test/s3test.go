// Package s3test starts a real S3 server for tests, and has a client for it.
package s3test

import (
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/objectstore"
)

// Credentials and region of every server.
const (
	AccessKey = objectstore.AccessKey
	SecretKey = objectstore.SecretKey
	Region    = objectstore.Region
)

// Server is a running S3 server without buckets.
type Server struct {
	Addr   string // host and port; HTTP without TLS
	Client *minio.Client
}

// Start starts a server, with options of the gateway, and stops it at the end of
// the test.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	addr := objectstore.Start(t, options...).Addr
	client, err := minio.New(addr, &minio.Options{
		Creds:  credentials.NewStaticV4(AccessKey, SecretKey, ""),
		Region: Region,
	})
	require.NoError(t, err)
	return &Server{Addr: addr, Client: client}
}

// Bucket makes a bucket.
func (s *Server) Bucket(t testing.TB, name string) {
	t.Helper()
	require.NoError(t, s.Client.MakeBucket(t.Context(), name, minio.MakeBucketOptions{}))
}
