package server_test

import (
	"bufio"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// BenchmarkIdleSession measures what one idle session costs the server after a
// login: heap and stacks. The clients live in another process.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 500
	for name, secure := range map[string]bool{"clear": false, "TLS1.3": true} {
		b.Run(name, func(b *testing.B) {
			var perSession, goroutines float64
			for b.Loop() {
				ts := benchServer(b, func(srv *server.Server) { srv.MaxSessionsPerAddress = -1 })
				time.Sleep(3 * time.Second) // sessions of before linger for that long
				heapBefore, before := footprint(), runtime.NumGoroutine()
				stop := idleClients(b, ts.Addr, sessions, secure)
				perSession = float64(footprint()-heapBefore) / sessions
				goroutines = float64(runtime.NumGoroutine()-before) / sessions
				stop()
				ts.Close()
			}
			b.ReportMetric(perSession, "B/session")
			b.ReportMetric(goroutines, "goroutines/session")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// footprint returns the size of what lives on the heap, and of the stacks.
func footprint() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// idleClients starts another process with sessions that do nothing.
func idleClients(b *testing.B, addr string, sessions int, secure bool) (stop func()) {
	b.Helper()
	exe, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.Command(exe, "-test.run=^TestIdleClients$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SALLYPORT_IDLE=%s %d %t %s", addr, sessions, secure, filepath.Base(exe)))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	lines := bufio.NewScanner(out)
	ready := false
	for !ready && lines.Scan() {
		ready = lines.Text() == "ready"
	}
	require.True(b, ready, "the clients failed")
	return func() {
		in.Close()
		io.Copy(io.Discard, out)
		cmd.Wait()
	}
}

// TestIdleClients is the other process of BenchmarkIdleSession.
func TestIdleClients(t *testing.T) {
	var addr, exe string
	var sessions int
	var secure bool
	if n, _ := fmt.Sscan(os.Getenv("SALLYPORT_IDLE"), &addr, &sessions, &secure, &exe); n != 4 {
		return // this test does something only for the benchmark
	}
	for range sessions {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		r := bufio.NewReader(conn)
		say(t, conn, r, "", "220")
		if secure {
			say(t, conn, r, "AUTH TLS", "234")
			conn = stdtls.Client(conn, &stdtls.Config{InsecureSkipVerify: true})
			r.Reset(conn)
		}
		say(t, conn, r, "USER "+testUser, "331")
		say(t, conn, r, "PASS "+testPassword, "230")
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
