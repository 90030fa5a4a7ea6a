package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/server"
)

// lines returns the lines of the log that hold a text.
func (ts *testServer) lines(text string) (found []string) {
	for line := range strings.Lines(ts.Log.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// storm is how many lines of one kind a test causes: more than the log takes in a
// minute.
const storm = 5 * loglimit.Burst

// wantShare demands that a storm left as many lines as its kind may have in a
// minute, and that the first line a minute later tells how many were left out.
func (fs *fakeServer) wantShare(t *testing.T, text string, again func()) {
	t.Helper()
	synctest.Wait()
	require.Len(t, fs.lines(text), loglimit.Burst)
	time.Sleep(loglimit.Period)
	again()
	synctest.Wait()
	lines := fs.lines(text)
	require.Len(t, lines, loglimit.Burst+1)
	require.Contains(t, lines[loglimit.Burst], "unreported=40")
}

// Whoever connects without a login can't fill the disk with lines.
func TestStrangersCannotFillTheLog(t *testing.T) {
	t.Run("no handshake", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			visit := func() {
				c := fs.tcp(t, memClient, implicitPort, buffer)
				c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
				c.Close()
				synctest.Wait()
			}
			for range storm {
				visit()
			}
			fs.wantShare(t, `msg="TLS handshake failed"`, visit)
			require.Len(t, fs.lines("disconnected"), loglimit.Burst+1)
		})
	})
	t.Run("no room", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			fs.in(t)
			visit := func() {
				c := fs.from(t, "198.51.100.8")
				c.expect(421)
				c.Conn.Close()
			}
			for range storm {
				visit()
			}
			fs.wantShare(t, "connection refused", visit)
		}, func(srv *server.Server) { srv.MaxSessions, srv.IdleTimeout = 1, -1 })
	})
	t.Run("a hook that panics", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			visit := func() {
				c := fs.from(t, "198.51.100.8")
				c.Conn.Close()
				synctest.Wait()
			}
			for range storm {
				visit()
			}
			fs.wantShare(t, "level=ERROR", visit)
		}, func(srv *server.Server) {
			srv.Hooks = &server.Hooks{Connect: func(server.SessionInfo) { panic("boom") }}
		})
	})
	for name, err := range map[string]error{
		"a wrong password": driver.ErrLogin, "an expired account": &driver.Error{Code: 530, Text: "The account has expired."}, "an outage": errors.New("no directory"),
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				number := 0
				visit := func() { // each comes from another address, and so without a delay
					number++
					c := fs.connected(t, fmt.Sprintf("10.0.%d.1", number))
					c.cmd(331, "USER x")
					c.cmd(530, "PASS x")
					c.Conn.Close()
					synctest.Wait()
				}
				for range storm {
					visit()
				}
				fs.wantShare(t, `msg="login `, visit)
				fs.mu.Lock()
				defer fs.mu.Unlock()
				require.Len(t, fs.logins, storm+1)
			}, func(srv *server.Server) {
				srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) { return nil, err })
			})
		})
	}
	t.Run("no login", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			visit := func() {
				c := fs.from(t, "198.51.100.8")
				c.expect(220)
				c.Conn.Close()
				synctest.Wait()
			}
			for range storm {
				visit()
			}
			fs.wantShare(t, "disconnected", visit)
		})
	})
}

// The log names the end of every user's session, however many strangers come and
// go.
func TestEveryUsersEndIsLogged(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for range storm {
			fs.in(t).cmd(221, "QUIT")
			synctest.Wait()
		}
		require.Len(t, fs.lines("disconnected"), storm)
	})
}

// failingListener accepts nothing.
type failingListener struct {
	net.Listener
	fail func() error
}

func (ln *failingListener) Accept() (net.Conn, error) { return nil, ln.fail() }

// A listener that fails for hours, because descriptors have run out, is reported
// and does not fill the disk.
func TestAcceptFailuresAreLimited(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		broken := &failingListener{listenMem(t, fs.net, 2121), func() error { return errors.New("too many open files") }}
		done := make(chan error)
		go func() { done <- fs.Serve(broken) }()
		time.Sleep(time.Hour)
		lines := fs.lines("accept failed")
		require.Greater(t, len(lines), 60)
		require.LessOrEqual(t, len(lines), 61*loglimit.Burst)
		require.Contains(t, lines[len(lines)-1], "too many open files")
		fs.Close()
		require.ErrorIs(t, <-done, server.ErrServerClosed)
	})
}
