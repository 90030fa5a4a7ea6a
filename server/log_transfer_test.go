package server_test

import (
	"context"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/server"
)

// A client that looks only at the beginning of a file causes no warning, nor does a
// client that sends ABOR.
func TestStoppedDownloadIsNoWarning(t *testing.T) {
	for name, login := range map[string]func(*testServer, testing.TB) *client{"TLS": (*testServer).login, "clear": (*testServer).loginClear} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure)
			ts.writeFile(t, "big", string(make([]byte, 8<<20)))
			c := login(ts, t)
			data := c.open("RETR big")
			_, err := io.ReadFull(data, make([]byte, 100))
			require.NoError(t, err)
			require.NoError(t, netConn(data).Close())
			c.expect(426)
			require.Contains(t, ts.Log.String(), "transfer stopped by the client")

			data = c.open("RETR big")
			c.send("ABOR")
			c.expect(426)
			c.expect(226)
			data.Close()
			c.cmd(221, "QUIT")
			c.end()
			require.Len(t, ts.lines("transfer stopped by the client"), 2)
			require.NotContains(t, ts.Log.String(), "level=WARN")
		})
	}
}

// A transfer that has failed is still a warning: an upload that broke, and a driver
// whose own connection did.
func TestFailedTransferIsAWarning(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) {
		good := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			account, err := good.Login(ctx, l)
			if err != nil {
				return nil, err
			}
			return &driver.Account{FS: faulty(account.FS, "Open.Read", drivertest.Fail(syscall.ECONNRESET))}, nil
		})
	})
	ts.writeFile(t, "a", "old")
	c := ts.loginClear(t)
	data := c.open("RETR a")
	c.expect(451)
	data.Close()
	require.Len(t, ts.lines("transfer failed"), 1)

	data = c.open("STOR b")
	io.WriteString(data, "half")
	resetAtOnce(t, netConn(data))
	c.expect(426)
	lines := ts.lines("transfer failed")
	require.Len(t, lines, 2)
	require.Contains(t, lines[1], "level=WARN")
}
