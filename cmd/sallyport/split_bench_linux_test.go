package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// BenchmarkSplit compares a server of one process with one that is split: logins with the hand there, files of 4 KiB
// and of 1 GiB over TLS. CPU is that of all processes of the server.
//
//	go test -run '^$' -bench Split -benchtime 3s ./cmd/sallyport
func BenchmarkSplit(b *testing.B) {
	for name, s := range map[string]*splitServer{"one": startWhole(b), "split": startSplit(b, "", 20)} {
		b.Run(name, func(b *testing.B) {
			home := filepath.Join(s.homes, "alice")
			require.NoError(b, os.WriteFile(filepath.Join(home, "small"), make([]byte, 4<<10), 0o644))
			big, err := os.Create(filepath.Join(home, "big"))
			require.NoError(b, err)
			require.NoError(b, big.Truncate(1<<30))
			require.NoError(b, big.Close())
			c := s.mustDial(b, "alice") // keeps the hand there
			config := s.clientTLS(b)
			cpu := func(b *testing.B, op func(b *testing.B)) {
				before := s.cpu(b)
				n := 0
				for b.Loop() {
					op(b)
					n++
				}
				b.ReportMetric((s.cpu(b)-before)/float64(n)*1e6, "server-µs/op")
			}
			b.Run("login", func(b *testing.B) {
				cpu(b, func(b *testing.B) {
					c, err := ftpclient.Dial(s.fact(b, "explicit FTPS"), false, config, "alice", "secret")
					require.NoError(b, err)
					require.NoError(b, c.Close())
				})
			})
			b.Run("down", func(b *testing.B) {
				cpu(b, func(b *testing.B) {
					_, err := c.Get("RETR small")
					require.NoError(b, err)
				})
			})
			b.Run("up", func(b *testing.B) {
				content := strings.Repeat("x", 4<<10)
				cpu(b, func(b *testing.B) { require.NoError(b, c.Put("STOR new", content)) })
			})
			b.Run("big", func(b *testing.B) {
				b.SetBytes(1 << 30)
				cpu(b, func(b *testing.B) {
					data, err := c.Open("RETR big")
					require.NoError(b, err)
					n, err := io.Copy(io.Discard, data)
					require.NoError(b, err)
					require.EqualValues(b, 1<<30, n)
					require.NoError(b, c.Done())
				})
			})
		})
	}
}

// startWhole starts the server of startSplit in one process.
func startWhole(b *testing.B) *splitServer {
	b.Helper()
	s := &splitServer{homes: b.TempDir()}
	home := filepath.Join(s.homes, "alice")
	require.NoError(b, os.Mkdir(home, 0o755))
	s.file = configure(b, fmt.Sprintf("%shome = %q\n", alice, home))
	s.process = startWith(b, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--config", s.file, "--control=", "--passive", testenv.FreePortSet(b, 20))
	})
	return s
}

// cpu returns what the server has used so far, its parts together, in seconds.
func (s *splitServer) cpu(b *testing.B) (seconds float64) {
	b.Helper()
	const ticks = 100 // per second
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b, err)
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		pid, parent := filepath.Base(filepath.Dir(name)), f[1]
		if me := fmt.Sprint(s.Process.Pid); pid != me && parent != me {
			continue
		}
		var user, system float64
		fmt.Sscan(f[11], &user)
		fmt.Sscan(f[12], &system)
		seconds += (user + system) / ticks
	}
	return seconds
}
