package server_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// Row 37: the data connection is open and silent. The transfer ends, the session
// does not, and an old file of the same name stays whole (row 36).
func TestDataIdleUpload(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", "old")
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR a")
		time.Sleep(40 * time.Second)
		io.WriteString(data, "new")
		after(t, time.Minute, func() { c.expect(426) })
		require.Equal(t, "old", fs.readFile(t, "a"))
		// IdleTimeout counts from now on only.
		time.Sleep(5*time.Minute - 1)
		c.cmd(200, "NOOP")
		require.Error(t, fs.lastTransfer(t).Err)
	})
}

// A stalled download ends after DataTimeout, or an eighth later: a write tells only
// at its deadline whether bytes moved.
func TestDataIdleDownload(t *testing.T) {
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				fs.writeFile(t, "a", strings.Repeat("x", 1<<20))
				c, data := fs.opened(t, secure, buffer, "RETR a")
				time.Sleep(30 * time.Second)
				_, err := io.ReadFull(data, make([]byte, 2*buffer))
				require.NoError(t, err)
				start := time.Now()
				c.expect(426)
				require.InDelta(t, 64, time.Since(start).Seconds(), 4)
				c.cmd(200, "NOOP")
			})
		})
	}
}

// A silent data connection ends likewise under TLS, after another DataTimeout if
// one is set, and never if DataTimeout is off (TestDataIdleOff).
func TestDataIdleUnderTLS(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.inTLS(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR a")
		sec := c.dataTLS(data)
		io.WriteString(sec, "new")
		after(t, 3*time.Second, func() { c.expect(426) })
		_, err := fs.FS.Stat(t.Context(), "a")
		require.Error(t, err)
		c.cmd(200, "NOOP")
	}, func(srv *server.Server) { srv.DataTimeout = 3 * time.Second })
}

func TestDataIdleOff(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR a")
		time.Sleep(240 * time.Hour)
		io.WriteString(data, "new")
		data.Close()
		c.expect(226)
	}, func(srv *server.Server) { srv.DataTimeout = -1 })
}

// A client that is slow but moves is never cut off, and the session is not idle
// however long the transfer takes.
func TestSlowUpload(t *testing.T) {
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c, data := fs.opened(t, secure, buffer, "STOR a")
				for range 60 {
					io.WriteString(data, "x")
					time.Sleep(59 * time.Second)
				}
				data.Close()
				c.expect(226)
				require.Len(t, fs.readFile(t, "a"), 60)
			})
		})
	}
}

// A client that reads slowly is not cut off either, to the last byte: what the
// server has gathered to send at once may take an hour to leave.
func TestSlowDownload(t *testing.T) {
	content := strings.Repeat("x", 600<<10)
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				fs.writeFile(t, "a", content)
				login := map[bool]func(testing.TB) *client{false: fs.in, true: fs.inTLS}[secure]
				c := login(t)
				slow := &slowReader{Conn: fs.data(t, c, 4<<10)}
				c.cmd(150, "RETR a")
				var data io.Reader = slow
				if secure {
					data = c.dataTLS(slow)
				}
				slow.pause = 50 * time.Second
				got, err := io.ReadAll(data)
				require.NoError(t, err, "after %d bytes", len(got))
				require.Equal(t, len(content), len(got))
				c.expect(226)
				c.cmd(200, "NOOP")
			})
		})
	}
}

// slowReader is a connection that reads little and seldom.
type slowReader struct {
	net.Conn
	pause time.Duration
}

func (s *slowReader) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Conn.Read(p[:min(len(p), 4<<10)])
}

// opened returns a client with a transfer under way, and the data connection.
func (fs *fakeServer) opened(t testing.TB, secure bool, buffer int, line string) (*client, io.ReadWriteCloser) {
	t.Helper()
	if !secure {
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "%s", line)
		return c, data
	}
	c := fs.inTLS(t)
	data := fs.data(t, c, buffer)
	c.cmd(150, "%s", line)
	return c, c.dataTLS(data)
}

// ABOR takes effect at once while the server waits for the data connection, for the
// handshake or for data.
func TestAbortAtOnce(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		c.cmd(227, "PASV")
		c.cmd(150, "STOR a")
		after(t, 0, func() { c.cmd(426, "ABOR") })
		c.expect(226)

		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR a")
		io.WriteString(data, "x")
		synctest.Wait()
		after(t, 0, func() { c.cmd(426, "ABOR") })
		c.expect(226)
		c.cmd(550, "SIZE a")

		s := fs.inTLS(t)
		fs.data(t, s, buffer)
		s.cmd(150, "STOR a")
		after(t, 0, func() { s.cmd(426, "ABOR") })
		s.expect(226)
		require.Zero(t, fs.Passive.Stats().Leases)
	})
}

// A client that waits for 150 before it speaks on its data connection, and proves
// nothing there, may do so before the server goes on. The server waits for a better
// connection only if a client did not wait for 150.
func TestPromptClientIsNotKeptWaiting(t *testing.T) {
	const slow = 10 * time.Millisecond
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.inTLS(t)
		c.TLS.ClientSessionCache = nil
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR a")
		after(t, slow, func() { c.dataTLS(data).Close() })
		c.expect(226)
	}, func(srv *server.Server) {
		srv.Hooks.Reply = func(_ server.SessionInfo, r server.Reply) {
			if r.Code == 150 {
				time.Sleep(slow)
			}
		}
	})
}

// An attempt to connect to the client ends after Active.Timeout.
func TestActiveTimeout(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", "content")
		c := fs.in(t)
		c.cmd(200, "EPRT |1|198.51.100.7|2000|")
		c.cmd(150, "RETR a")
		after(t, 7*time.Second, func() { c.expect(425) })
	}, func(srv *server.Server) {
		srv.Active = &server.Active{Timeout: 7 * time.Second, Dial: func(ctx context.Context, _, _ netip.AddrPort) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
	})
}
