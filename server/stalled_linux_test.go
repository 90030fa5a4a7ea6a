package server_test

import (
	"context"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// Row 54: clients stop reading, or sending. What they hold is bounded by so little that
// a thousand of them take no more than 100 MiB; here both ends count. Each case is a
// process of its own, since it looks at all memory, which other tests would take and
// give back meanwhile.
func TestStalledTransfersHoldLittle(t *testing.T) {
	if runtime.GOARCH == "386" || runtime.GOARCH == "s390x" {
		t.Skip("the kernel is not asked for room here, see room_other.go")
	}
	if raceEnabled {
		t.Skip("memory is measured without the race detector, in a step of its own")
	}
	const many = 60
	each := uint64(100 << 20 / 1000)
	big := string(make([]byte, 32<<20)) // more than the kernel takes
	for name, come := range map[string]struct {
		open func(*testServer, *testing.T) net.Conn
		with func(*testing.T, *server.Server)
	}{
		"TLS":   {func(ts *testServer, t *testing.T) net.Conn { return ts.login(t).open("RETR big") }, nil},
		"clear": {func(ts *testServer, t *testing.T) net.Conn { return ts.loginClear(t).open("RETR big") }, nil},
		"TYPE A": {func(ts *testServer, t *testing.T) net.Conn {
			c := ts.login(t)
			c.cmd(200, "TYPE A")
			return c.open("RETR big")
		}, nil},
		"upload":             {stallUpload, dropping},
		"upload, in clear":   {func(ts *testServer, t *testing.T) net.Conn { return stalling(t, ts.loginClear(t).open("STOR up")) }, dropping},
		"upload, stuck disk": {stallUpload, stuckDisk},
		"listing":            {func(ts *testServer, t *testing.T) net.Conn { return ts.login(t).open("LIST") }, manyNamesIn},
		// The entries that are read of a directory at once count as well.
		"NLST of a directory": {func(ts *testServer, t *testing.T) net.Conn { return ts.login(t).open("NLST") }, longNamesIn},
		"MLSD of a directory": {func(ts *testServer, t *testing.T) net.Conn { return ts.login(t).open("MLSD") }, longNamesIn},
		"MLSD without Scan": {func(ts *testServer, t *testing.T) net.Conn { return ts.login(t).open("MLSD") }, func(t *testing.T, srv *server.Server) {
			longNamesIn(t, srv)
			wrapFiles(srv, func(files driver.FS) driver.FS { return struct{ driver.FS }{files} })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if !inOwnProcess(t) {
				return
			}
			options := []func(*server.Server){insecure}
			if come.with != nil {
				options = append(options, func(srv *server.Server) { come.with(t, srv) })
			}
			ts := start(t, options...)
			ts.writeFile(t, "big", big)
			first := 20
			if strings.Contains(name, "upload") {
				first = 100 // more clients than get a large buffer, and more than get to read ahead
			}
			for range first { // the memory of the first clients is not the memory of each
				come.open(ts, t)
			}
			before := settled(memoryInUse)
			for range many {
				data := come.open(ts, t)
				if !strings.Contains(name, "upload") {
					_, err := io.ReadFull(data, make([]byte, 1000))
					require.NoError(t, err)
				}
			}
			var held uint64
			eventually(t, "little memory", func() bool {
				held = max(memoryInUse(), before) - before
				return held < many*each
			})
			t.Logf("%d KiB each", held/many>>10)
		})
	}
}

// inOwnProcess reports whether a test runs in a process of its own. If not, it runs the
// test in such a process, and fails if that fails.
func inOwnProcess(t *testing.T) bool {
	t.Helper()
	const key = "SALLYPORT_OWN_PROCESS"
	if os.Getenv(key) == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), key+"="+t.Name())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "no tests to run")
	t.Logf("%s", out)
	return false
}

func manyNamesIn(_ *testing.T, srv *server.Server) {
	wrapFiles(srv, func(files driver.FS) driver.FS { return manyFS{files, 1_000_000} })
}

// longNamesIn serves a directory of files whose names alone are more than the
// kernel takes.
func longNamesIn(t *testing.T, srv *server.Server) {
	path := t.TempDir()
	for i := range 10_000 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/%0240d", path, i), nil, 0o600))
	}
	dir, err := driver.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	wrapFiles(srv, func(driver.FS) driver.FS { return dir })
}

// settled returns a figure once it goes down no more.
func settled(figure func() uint64) uint64 {
	last := figure()
	for range 100 {
		time.Sleep(50 * time.Millisecond)
		now := figure()
		if now+now/1000 >= last {
			return now
		}
		last = now
	}
	return last
}

// memoryInUse returns how much memory is reachable, and the size of the stacks. Two
// collections empty the pools before.
func memoryInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// stallUpload sends some of a file, and then only a part of the next record of TLS.
func stallUpload(ts *testServer, t *testing.T) net.Conn {
	t.Helper()
	data := stalling(t, ts.login(t).open("STOR up"))
	_, err := data.(*stdtls.Conn).NetConn().Write(append([]byte{23, 3, 3, 0x40, 0}, make([]byte, 8<<10)...)) // RFC 8446, section 5.1
	require.NoError(t, err)
	return data
}

// stalling sends some of a file.
func stalling(t *testing.T, data net.Conn) net.Conn {
	t.Helper()
	_, err := data.Write(make([]byte, 100_000))
	require.NoError(t, err)
	return data
}

// writtenFS hands what is written of uploads to write, and keeps nothing.
type writtenFS struct {
	driver.FS
	write func(ctx context.Context, p []byte) (int, error)
}

func (f writtenFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := f.FS.Store(ctx, name, opts)
	return writtenUpload{up, ctx, f.write}, err
}

type writtenUpload struct {
	driver.Upload
	ctx   context.Context
	write func(ctx context.Context, p []byte) (int, error)
}

func (u writtenUpload) Write(p []byte) (int, error) { return u.write(u.ctx, p) }

func dropping(_ *testing.T, srv *server.Server) {
	wrapFiles(srv, func(files driver.FS) driver.FS {
		return writtenFS{files, func(_ context.Context, p []byte) (int, error) { return len(p), nil }}
	})
}

// stuckDisk takes no byte.
func stuckDisk(_ *testing.T, srv *server.Server) {
	wrapFiles(srv, func(files driver.FS) driver.FS {
		return writtenFS{files, func(ctx context.Context, _ []byte) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}}
	})
}
