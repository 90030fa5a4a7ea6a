// Package s3test starts a real S3 server for tests: Versity's gateway, which keeps
// objects as files.
package s3test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// Credentials and region of every server.
const (
	AccessKey = "access-of-tests"
	SecretKey = "secret-of-tests"
	Region    = "us-east-1"
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
	file := build(t)
	addr := testenv.FreeAddr(t)
	args := append([]string{"--port", addr, "--access", AccessKey, "--secret", SecretKey, "--region", Region,
		"--quiet", "--health", "/health"}, options...)
	cmd := exec.Command(file, append(args, "posix", t.TempDir())...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the S3 server said:\n%s", &said)
		}
	})
	waitFor(t, "http://"+addr+"/health")
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

var built = sync.OnceValues(func() (string, error) {
	dir, err := output("", "list", "-f", "{{.Dir}}", "github.com/sallyport/sallyport/driver/s3")
	if err != nil {
		return "", err
	}
	return output(filepath.Join(dir, "internal", "versitygw"), "tool", "-n", "versitygw")
})

// build returns the path of the server. The first time on a machine it takes a
// minute or two.
func build(t testing.TB) string {
	t.Helper()
	file, err := built()
	require.NoError(t, err)
	return file
}

// output runs the go command.
func output(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off") // the store is a module of its own, outside the workspace
	out, err := cmd.Output()
	if err != nil {
		var stderr []byte
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = exit.Stderr
		}
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr)
	}
	return strings.TrimSpace(string(out)), nil
}

func waitFor(t testing.TB, url string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			return
		}
		require.True(t, time.Now().Before(end), "the S3 server does not answer: %v", err)
	}
}
