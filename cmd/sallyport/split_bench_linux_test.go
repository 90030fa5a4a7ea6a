package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// BenchmarkSplit compares a server of one process with a split one: logins whose hand is there, files of 4 KiB and of 1
// GiB over TLS, and a listing. CPU is the time of all processes of a server, as the system's scheduler counts it.
// Rounds of the two alternate, so that both meet the same machine. The least is what the work takes, and the median
// what it takes beside everything else.
//
//	go test -run '^$' -bench Split -benchtime 20x ./cmd/sallyport
func BenchmarkSplit(b *testing.B) {
	servers := [2]*splitServer{startWhole(b, ""), startSplit(b, "", 20)}
	var clients [2]*ftpclient.Client
	for i, s := range servers {
		home := filepath.Join(s.homes, "alice")
		require.NoError(b, os.WriteFile(filepath.Join(home, "small"), make([]byte, 4<<10), 0o644))
		big, err := os.Create(filepath.Join(home, "big"))
		require.NoError(b, err)
		require.NoError(b, big.Truncate(1<<30))
		require.NoError(b, big.Close())
		require.NoError(b, os.Mkdir(filepath.Join(home, "many"), 0o755))
		for n := range 100_000 {
			require.NoError(b, os.WriteFile(fmt.Sprintf("%s/many/file-%06d.csv", home, n), nil, 0o644))
		}
		clients[i] = s.mustDial(b, "alice") // keeps the hand there
	}
	content := strings.Repeat("x", 4<<10)
	for _, op := range []struct {
		name string
		n    int // how many in a round
		do   func(s *splitServer, c *ftpclient.Client) error
	}{
		{"login", 50, func(s *splitServer, _ *ftpclient.Client) error {
			c, err := ftpclient.Dial(s.fact(b, "explicit FTPS"), false, s.clientTLS(b), "alice", "secret")
			if err != nil {
				return err
			}
			return c.Close()
		}},
		{"down", 100, func(_ *splitServer, c *ftpclient.Client) error {
			_, err := c.Get("RETR small")
			return err
		}},
		{"up", 100, func(_ *splitServer, c *ftpclient.Client) error { return c.Put("STOR new", content) }},
		{"big", 1, func(_ *splitServer, c *ftpclient.Client) error {
			data, err := c.Open("RETR big")
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, data); err != nil {
				return err
			}
			return c.Done()
		}},
		{"list", 1, func(_ *splitServer, c *ftpclient.Client) error {
			_, err := c.Get("LIST many")
			return err
		}},
	} {
		b.Run(op.name, func(b *testing.B) {
			var took [2][]float64
			of := map[string]float64{} // by part of the split server
			for b.Loop() {
				for i, s := range servers {
					before := s.cpu(b)
					for range op.n {
						require.NoError(b, op.do(s, clients[i]))
					}
					sum := 0.0
					for name, micros := range s.cpu(b) {
						used := (micros - before[name]) / float64(op.n)
						sum += used
						of[name] += used
					}
					took[i] = append(took[i], sum)
				}
			}
			for i, name := range []string{"one", "split"} {
				slices.Sort(took[i])
				b.ReportMetric(took[i][0], name+"-min-µs")
				b.ReportMetric(took[i][len(took[i])/2], name+"-median-µs")
			}
			b.ReportMetric(100*(took[1][0]/took[0][0]-1), "more-min-%")
			b.ReportMetric(100*(took[1][len(took[1])/2]/took[0][len(took[0])/2]-1), "more-median-%")
			for _, name := range []string{partEngine, partSigner, partClerk, partHand} {
				b.ReportMetric(of[name]/float64(len(took[1])), name+"-µs")
			}
		})
	}
}

// cpu returns the CPU time that each part of the server has used so far, in microseconds.
func (s *splitServer) cpu(b *testing.B) map[string]float64 {
	b.Helper()
	all := map[string]float64{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b, err)
	for _, name := range stats {
		text, _ := os.ReadFile(name) // empty if the process has ended
		_, rest, _ := strings.Cut(string(text), ") ")
		dir, me := filepath.Dir(name), fmt.Sprint(s.Process.Pid)
		if f := strings.Fields(rest); len(f) < 2 || f[1] != me && filepath.Base(dir) != me {
			continue
		}
		args, _ := os.ReadFile(dir + "/cmdline")
		part := ""
		if f := strings.Split(string(args), "\x00"); len(f) > 2 && f[1] == "part" {
			part = f[2]
		}
		threads, err := filepath.Glob(dir + "/task/*/schedstat")
		require.NoError(b, err)
		for _, name := range threads {
			text, _ := os.ReadFile(name)
			var nanos float64
			fmt.Sscan(string(text), &nanos)
			all[part] += nanos / 1e3
		}
	}
	return all
}
