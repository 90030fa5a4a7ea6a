package server_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// While a download waits for room in the kernel's buffer, progress is what the
// client takes: a client that reads too slowly to make room within DataTimeout
// is served all the same. A client that reads nothing is cut off.
func TestSlowAndStalledReaders(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]func(*testServer, *testing.T) *client{
		"TLS":   func(ts *testServer, t *testing.T) *client { return ts.login(t) },
		"clear": func(ts *testServer, t *testing.T) *client { return ts.loginClear(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t, insecure, func(srv *server.Server) { srv.DataTimeout = 3 * time.Second })
			big := string(make([]byte, 24<<20))
			ts.writeFile(t, "big", big)
			slow, stalled := in(ts, t), in(ts, t)
			stalled.open("RETR big")
			data := slow.open("RETR big")
			// The kernel of the client tells what was read when a sixteenth of the
			// client's buffer is free again. With a buffer that has grown this can take
			// longer than DataTimeout.
			require.NoError(t, netConn(data).(interface{ SetReadBuffer(int) error }).SetReadBuffer(256<<10))
			first := readSlowly(t, data, 12*time.Second)
			require.Len(t, readAll(t, data), len(big)-first)
			data.Close()
			slow.expect(226)
			stalled.expect(426)
		})
	}
}

// readSlowly reads a hundred kilobytes or two a second for a while.
func readSlowly(t *testing.T, conn net.Conn, d time.Duration) (n int) {
	t.Helper()
	piece := make([]byte, 64<<10)
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(450 * time.Millisecond) {
		m, err := io.ReadFull(conn, piece)
		require.NoError(t, err)
		n += m
	}
	return n
}
