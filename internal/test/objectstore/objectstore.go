// Package objectstore starts a real S3 server for tests: Versity's gateway, which keeps
// objects as files. It knows no client of such servers.
package objectstore

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// Credentials and region of every server.
const (
	AccessKey = "access-of-tests"
	SecretKey = "secret-of-tests"
	Region    = "us-east-1"
)

// Server is a running S3 server.
type Server struct {
	Addr string // host and port; HTTP without TLS, unless the options --cert and --key are given
	Dir  string // the directory whose directories are the buckets, and whose files are the objects

	stop func()
}

// Stop stops the server. The end of the test stops it, too.
func (s *Server) Stop() { s.stop() }

// Start starts a server without buckets, with options of the gateway, and stops it at
// the end of the test.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	return StartAt(t, testenv.FreeAddr(t), t.TempDir(), options...)
}

// StartAt is Start at an address, with the files of an earlier server.
func StartAt(t testing.TB, addr, dir string, options ...string) *Server {
	t.Helper()
	file, err := built()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--port", addr, "--access", AccessKey, "--secret", SecretKey, "--region", Region,
		"--quiet", "--health", "/health"}, options...)
	cmd := exec.Command(file, append(args, "posix", dir)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: addr, Dir: dir, stop: sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the S3 server said:\n%s", &said)
		}
	})
	scheme := "http"
	if slices.Contains(options, "--cert") {
		scheme = "https"
	}
	waitFor(t, scheme+"://"+addr+"/health")
	return s
}

// built builds the server. The first time on a machine it takes a minute or two.
var built = sync.OnceValues(func() (string, error) {
	dir, err := output("", "list", "-f", "{{.Dir}}", "github.com/sallyport/sallyport/driver/s3")
	if err != nil {
		return "", err
	}
	return output(filepath.Join(dir, "internal", "versitygw"), "tool", "-n", "versitygw")
})

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
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := client.Get(url)
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the S3 server does not answer: %v", err)
		}
	}
}
