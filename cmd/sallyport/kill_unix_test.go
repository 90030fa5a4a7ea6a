//go:build unix

package main

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// kills returns how often the server is killed: 5 times, or as the environment
// variable KILLS says.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("KILLS")); err == nil {
		return n
	}
	return 5
}

// acknowledged holds the records for which clients got 226 or 250, by file.
type acknowledged struct {
	mu      sync.Mutex
	records map[string][]string
}

func (a *acknowledged) add(file, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records[file] = append(a.records[file], id)
}

// The server is killed again and again while clients store, append and combine.
// What a client was told to be stored is there once when the next server listens;
// every file is whole, and nothing is left over.
func TestKilledServer(t *testing.T) {
	shared := t.TempDir()
	acked := &acknowledged{records: map[string][]string{}}
	for run := range kills() {
		p := startWith(t, func(c *exec.Cmd) { c.Args[2] = shared })
		check := p.login(t, "explicit")
		verify(t, check, acked)
		entries, err := os.ReadDir(shared)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".sallyport-") {
				t.Errorf("%s is left over", e.Name())
			}
		}
		if t.Failed() {
			return
		}
		var wg sync.WaitGroup
		for i, do := range []func(c *ftpclient.Client, id string) (string, error){appendTo("log"), appendTo("log"), replace, combine} {
			c := p.login(t, "explicit")
			wg.Go(func() {
				for n := 0; ; n++ {
					id := fmt.Sprintf("%06d-%d-%06d", run, i, n)
					file, err := do(c, id)
					if err != nil {
						return
					}
					acked.add(file, id)
				}
			})
		}
		time.Sleep(time.Duration(rand.Int64N(int64(250 * time.Millisecond))))
		p.Process.Kill()
		wg.Wait()
	}
	p := startWith(t, func(c *exec.Cmd) { c.Args[2] = shared })
	verify(t, p.login(t, "explicit"), acked)
	t.Logf("acknowledged and there: %d appends, %d versions, %d combined",
		len(acked.records["log"]), len(acked.records["version"]), len(acked.records["all"]))
}

// line returns a record by which a reader can tell whether it is whole.
func line(id string) string {
	body := id + " " + strings.Repeat("x", rand.IntN(1<<uint(8+rand.IntN(13))))
	return fmt.Sprintf("%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

func appendTo(file string) func(*ftpclient.Client, string) (string, error) {
	return func(c *ftpclient.Client, id string) (string, error) { return file, c.Put("APPE "+file, line(id)) }
}

func replace(c *ftpclient.Client, id string) (string, error) {
	return "version", c.Put("STOR version", line(id))
}

func combine(c *ftpclient.Client, id string) (string, error) {
	if err := c.Put("STOR part", line(id)); err != nil {
		return "", err
	}
	_, err := c.Cmd(250, "COMB all part")
	return "all", err
}

// verify compares what the server has with what was acknowledged.
func verify(t *testing.T, c *ftpclient.Client, acked *acknowledged) {
	t.Helper()
	if _, err := c.Cmd(200, "TYPE I"); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"log", "all"} {
		there := lines(t, c, file)
		for _, id := range acked.records[file] {
			if there[id] != 1 {
				t.Errorf("%s was acknowledged and is in %s %d times", id, file, there[id])
			}
		}
	}
	version := lines(t, c, "version")
	for _, id := range acked.records["version"] {
		for is := range version {
			if is < id {
				t.Errorf("%s was acknowledged, and %s is there", id, is)
			}
		}
		if len(version) != 1 {
			t.Errorf("%d versions are there", len(version))
		}
	}
}

// lines returns how often each record is in a file. A missing file has none.
func lines(t *testing.T, c *ftpclient.Client, file string) map[string]int {
	t.Helper()
	there := map[string]int{}
	size, err := c.Cmd(213, "SIZE "+file)
	if err != nil {
		return there
	}
	content, err := c.Get("RETR " + file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(size.Text(), fmt.Sprint(len(content))) {
		t.Errorf("SIZE %s says %q, and RETR gives %d bytes", file, size, len(content))
	}
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[i+1:] != fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(line[:i]))) {
			t.Errorf("half a record in %s: %d bytes, %.40q", file, len(line), line)
			continue
		}
		id, _, _ := strings.Cut(line, " ")
		there[id]++
	}
	return there
}
