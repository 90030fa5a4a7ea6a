package examples

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver/s3/internal/s3test"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

const (
	bigFile   = 2 << 30
	bigMemory = 100 << 20
)

// A file of 2 GB goes through the server to the store and back in less than 100 MB
// of memory.
func TestBigFile(t *testing.T) {
	if testing.Short() {
		t.Skip("2 GB take a while")
	}
	if runtime.GOOS != "linux" {
		t.Skip("how much memory a process has had is known of Linux only")
	}
	curl := testenv.NeedBinary(t, "curl")
	store := s3test.Start(t)
	store.Bucket(t, "exchange")
	port := testenv.FreePorts(t, 2)
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	srv := start(t, build(t, "bucket"), listen, "-listen", listen, "-passive", fmt.Sprint(port+1),
		"-endpoint", store.Addr, "-region", s3test.Region, "-insecure-http")

	url := fmt.Sprintf("ftp://%s/big", listen)
	args := []string{"-q", "-sS", "--ssl-reqd", "-k", "--user", user + ":" + password}
	sent := sha256.New()
	begun := time.Now()
	run(t, io.TeeReader(&stream{left: bigFile}, sent), nil, curl, append(args, "-T", "-", url)...)
	t.Logf("up: %s, %d MB of memory", rate(begun), highWater(t, srv)>>20)

	got := sha256.New()
	begun = time.Now()
	n := run(t, nil, got, curl, append(args, url)...)
	t.Logf("down: %s, %d MB of memory", rate(begun), highWater(t, srv)>>20)

	require.EqualValues(t, bigFile, n)
	require.Equal(t, sent.Sum(nil), got.Sum(nil))
	require.Less(t, highWater(t, srv), bigMemory)
}

func rate(begun time.Time) string {
	return fmt.Sprintf("%.0f MB/s", bigFile/1e6/time.Since(begun).Seconds())
}

// run runs a program and returns how much it wrote.
func run(t *testing.T, stdin io.Reader, stdout io.Writer, name string, args ...string) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	count := &counter{to: stdout}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, count, &stderr
	require.NoErrorf(t, cmd.Run(), "%s", &stderr)
	return count.n
}

type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.to.Write(p)
}

// stream yields data of which no two megabytes are the same, at next to no cost.
type stream struct {
	block [1 << 20]byte
	at    int
	count uint64
	left  int
}

func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if s.at == 0 {
		s.count++
		binary.LittleEndian.PutUint64(s.block[:], s.count)
	}
	n := copy(p[:min(len(p), s.left)], s.block[s.at:])
	s.at, s.left = (s.at+n)%len(s.block), s.left-n
	return n, nil
}

// highWater returns the most memory that a process has had.
func highWater(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, ok := bytes.Cut(status, []byte("\nVmHWM:"))
	require.True(t, ok)
	var kb int
	_, err = fmt.Sscanf(string(rest), "%d kB", &kb)
	require.NoError(t, err)
	return kb << 10
}
