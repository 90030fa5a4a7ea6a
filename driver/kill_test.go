//go:build unix

package driver_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// kills returns how often the processes are killed: 20 times, or as often as KILLS
// in the environment says. KILLS_DIR in the environment is a directory for the
// files, on a file system to be tested.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("KILLS")); err == nil {
		return n
	}
	return 20
}

// Two processes store without a pause into the same files and are killed at any
// moment, again and again, the first while the second goes on. Data that a process
// was told to be committed is there, once; other data is there whole or not at
// all, even before Sweep; and nothing is left over.
func TestDirKilled(t *testing.T) {
	if dir := os.Getenv("SALLYPORT_KILLED_IN"); dir != "" {
		writeUntilKilled(dir)
	}
	path := t.TempDir()
	if on := os.Getenv("KILLS_DIR"); on != "" {
		var err error
		path, err = os.MkdirTemp(on, "killed")
		require.NoError(t, err)
		defer os.RemoveAll(path)
	}
	d := openDir(t, path)
	acked := make(map[string]bool)
	for i := range kills() {
		killTwo(t, path, i, acked)
		for _, name := range []string{"log", "late", "offset"} {
			records(t, d, name, acked) // what can be read is whole without a sweep
		}
		_, err := d.Sweep(t.Context(), time.Hour)
		require.NoError(t, err)
		for _, name := range []string{"log", "late", "offset"} {
			got := records(t, d, name, acked)
			if fi, err := d.Stat(t.Context(), name); err == nil {
				require.EqualValues(t, got, fi.Size(), "the size of %s after a sweep", name)
			}
		}
		wholeVersion(t, d, acked)
		lighten(t, d, acked)
		entries, err := os.ReadDir(path)
		require.NoError(t, err)
		for _, e := range entries {
			require.False(t, strings.HasPrefix(e.Name(), ".sallyport-"), "%s is left over", e.Name())
		}
	}
}

// lighten removes files that have become large, so that the writers begin anew.
func lighten(t *testing.T, d *driver.Dir, acked map[string]bool) {
	for _, name := range []string{"log", "late", "offset"} {
		if fi, err := d.Stat(t.Context(), name); err != nil || fi.Size() < 20<<20 {
			continue
		}
		require.NoError(t, d.Remove(t.Context(), name))
		maps.DeleteFunc(acked, func(id string, _ bool) bool { return strings.HasPrefix(id, name+"-") })
	}
}

// killTwo runs two writers for a moment, kills them and records the commits that
// they reported.
func killTwo(t *testing.T, path string, run int, acked map[string]bool) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, names := range []string{"log log late late offset version", "log late"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDirKilled$")
		cmd.Env = append(os.Environ(), "SALLYPORT_KILLED_IN="+path, "SALLYPORT_FILES="+names,
			fmt.Sprintf("SALLYPORT_RUN=%d-%d", run, len(names)))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said := bufio.NewReader(out)
		_, err = said.ReadString('\n') // it has begun
		require.NoError(t, err, "%s", &stderr)
		time.AfterFunc(time.Duration(rand.Int64N(int64(80*time.Millisecond))), func() { cmd.Process.Kill() })
		wg.Go(func() {
			defer cmd.Wait()
			for {
				line, err := said.ReadString('\n')
				if err != nil {
					return
				}
				what := strings.TrimSuffix(line, "\n")
				assert.NotContains(t, what, "error")
				mu.Lock()
				acked[what] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// writeUntilKilled stores without a pause, through two Dirs, and reports each
// commit on its output.
func writeUntilKilled(path string) {
	run := os.Getenv("SALLYPORT_RUN")
	var dirs [2]*driver.Dir
	for i := range dirs {
		var err error
		if dirs[i], err = driver.OpenDir(path); err != nil {
			panic(err)
		}
	}
	fmt.Println("begun")
	var wg sync.WaitGroup
	for i, name := range strings.Fields(os.Getenv("SALLYPORT_FILES")) {
		wg.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%s-%d-%d", name, run, i, n)
				err := writeOne(dirs[i%2], name, id)
				switch {
				case err == nil:
					os.Stdout.WriteString(id + "\n")
				case !errors.Is(err, driver.ErrChanged):
					os.Stdout.WriteString("error: " + err.Error() + "\n")
				}
			}
		})
	}
	wg.Wait()
}

func writeOne(d *driver.Dir, name, id string) error {
	ctx := context.Background()
	opts := driver.StoreOptions{Append: true}
	switch name {
	case "version":
		opts = driver.StoreOptions{}
	case "offset":
		opts = driver.StoreOptions{}
		if fi, err := d.Stat(ctx, name); err == nil {
			opts.Offset = fi.Size()
		}
	}
	return store(ctx, d, name, record(id), opts)
}

// record returns a line from which can be told whether it is whole. Some lines are
// long, because the moment in which a file grows is short.
func record(id string) string {
	n := rand.IntN(30_000)
	if rand.IntN(2) == 0 {
		n = rand.IntN(4 << 20)
	}
	body := id + " " + strings.Repeat("x", n)
	return fmt.Sprintf("%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// whole returns the name of a record if the line is one.
func whole(line string) (id string, ok bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 || line[i+1:] != fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(line[:i]))) {
		return "", false
	}
	id, _, ok = strings.Cut(line, " ")
	return id, ok
}

// records checks that a file consists of whole records, each once and all of those
// that were acknowledged among them, and returns its size.
func records(t *testing.T, d *driver.Dir, name string, acked map[string]bool) (size int) {
	t.Helper()
	r, err := d.Open(t.Context(), name, 0)
	if errors.Is(err, os.ErrNotExist) {
		for id := range acked {
			require.False(t, strings.HasPrefix(id, name+"-"), "%s is acknowledged and %s isn't there", id, name)
		}
		return 0
	}
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	seen := make(map[string]bool)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(data), "\n"), "\n") {
		id, ok := whole(line)
		require.True(t, ok, "half a record in %s: %d bytes, %.40q", name, len(line), line)
		require.False(t, seen[id], "%s is there twice", id)
		seen[id] = true
	}
	for id := range acked {
		if strings.HasPrefix(id, name+"-") {
			require.True(t, seen[id], "%s was acknowledged and is lost", id)
		}
	}
	return len(data)
}

// wholeVersion checks that the file which is replaced all the time is one of its
// versions, and no older one than was acknowledged.
func wholeVersion(t *testing.T, d *driver.Dir, acked map[string]bool) {
	t.Helper()
	var newest [2]int
	for id := range acked {
		if n := versionOf(id); strings.HasPrefix(id, "version-") && slices.Compare(n[:], newest[:]) > 0 {
			newest = n
		}
	}
	if newest == [2]int{} {
		return
	}
	id, ok := whole(strings.TrimSuffix(read(t, d, "version"), "\n"))
	require.True(t, ok, "half a version")
	is := versionOf(id)
	require.GreaterOrEqual(t, slices.Compare(is[:], newest[:]), 0, "version %v was acknowledged, but %v is there", newest, is)
}

// versionOf returns the run, and the number within the run, of a record's name.
// Such a name has the file, the run, the process, the writer and the number.
func versionOf(id string) (n [2]int) {
	parts := strings.Split(id, "-")
	n[0], _ = strconv.Atoi(parts[1])
	n[1], _ = strconv.Atoi(parts[4])
	return n
}
