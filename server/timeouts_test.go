package server_test

import (
	"context"
	"io"
	iofs "io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// cutAfter demands that the server says 421 and closes after so long.
func (c *client) cutAfter(want time.Duration) {
	c.t.Helper()
	after(c.t, want, func() {
		c.expect(421)
		c.end()
	})
}

func TestIdleTimeout(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		time.Sleep(4 * time.Minute)
		c.cmd(200, "NOOP") // any command starts the time afresh
		c.cutAfter(5 * time.Minute)
	})
}

func TestIdleTimeoutUnderTLS(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.inTLS(t).cutAfter(7 * time.Second)
	}, func(srv *server.Server) { srv.IdleTimeout = 7 * time.Second })
}

func TestIdleTimeoutOff(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		time.Sleep(240 * time.Hour)
		c.cmd(200, "NOOP")
	}, func(srv *server.Server) { srv.IdleTimeout = -1 })
}

// IdleTimeout counts on during half a command, so an endless line keeps nobody
// connected (row 19).
func TestIdleTimeoutDespiteBytes(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		after(t, 5*time.Minute, func() {
			for range 300 {
				time.Sleep(time.Second)
				io.WriteString(c.Conn, "x")
			}
			c.expect(421)
			c.end()
		})
	})
}

func TestLoginTimeout(t *testing.T) {
	for _, secure := range []bool{false, true} {
		fake(t, func(t *testing.T, fs *fakeServer) {
			after(t, time.Minute, func() {
				c := fs.from(t, "198.51.100.7")
				c.expect(220)
				time.Sleep(20 * time.Second)
				if secure {
					c.authTLS() // AUTH does not start the time afresh
				}
				for range 3 {
					c.cmd(200, "NOOP")
					time.Sleep(10 * time.Second)
				}
				c.cmd(331, "USER x")
				c.expect(421)
				c.end()
			})
		})
	}
}

// Before login the shorter one of IdleTimeout and LoginTimeout counts.
func TestIdleBeforeLogin(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, "198.51.100.7")
		c.expect(220)
		c.cutAfter(5 * time.Second)
	}, func(srv *server.Server) { srv.IdleTimeout = 5 * time.Second })
}

func TestHandshakeTimeout(t *testing.T) {
	t.Run("implicit", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			c := fs.tcp(t, memClient, implicitPort, buffer)
			after(t, 10*time.Second, func() {
				data, err := io.ReadAll(c)
				require.NoError(t, err)
				require.Empty(t, data)
			})
		})
	})
	t.Run("explicit", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			c := fs.from(t, "198.51.100.7")
			c.expect(220)
			c.cmd(234, "AUTH TLS")
			after(t, 10*time.Second, c.end)
		})
	})
	t.Run("dribbling", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			c := fs.tcp(t, memClient, implicitPort, buffer)
			after(t, 3*time.Second, func() {
				for _, b := range []byte("\x16\x03\x01") {
					c.Write([]byte{b})
					time.Sleep(time.Second)
				}
				io.ReadAll(c)
			})
		}, func(srv *server.Server) { srv.HandshakeTimeout = 3 * time.Second })
	})
	t.Run("data", func(t *testing.T) {
		fake(t, func(t *testing.T, fs *fakeServer) {
			c := fs.inTLS(t)
			fs.data(t, c, buffer)
			c.cmd(150, "STOR a")
			after(t, 10*time.Second, func() { c.expect(425) })
			c.cmd(200, "NOOP")
		})
	})
}

// A lease ends when nobody connects to the data port.
func TestLeaseTime(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		c.cmd(227, "PASV")
		time.Sleep(12 * time.Second)
		c.cmd(150, "STOR a")
		after(t, 18*time.Second, func() { c.expect(425) })
		c.cmd(425, "STOR a") // a PASV is good for one transfer

		c.cmd(229, "EPSV")
		time.Sleep(31 * time.Second)
		after(t, 0, func() {
			c.cmd(425, "STOR a") // the port is gone, so there is no 150
		})
		require.Zero(t, fs.Passive.Stats().Leases)
		_, err := fs.FS.Stat(t.Context(), "a")
		require.ErrorIs(t, err, iofs.ErrNotExist)
	})
}

// While all ports wait for one client, its next PASV is answered late, and other
// clients are served.
func TestPasvWaits(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		var last *client
		for range 4 {
			last = fs.in(t)
			last.cmd(227, "PASV")
			last.cmd(150, "LIST")
		}
		c := fs.in(t)
		after(t, 10*time.Second, func() { c.cmd(425, "PASV") })
		other := fs.from(t, "198.51.100.8")
		other.expect(220)
		other.login()
		after(t, 0, func() { other.cmd(227, "PASV") })

		go func() {
			time.Sleep(2 * time.Second)
			last.send("ABOR")
		}()
		// A connection to the port that ABOR gave up may come late; see package passive.
		after(t, 2*time.Second+200*time.Millisecond, func() { c.cmd(227, "PASV") })
		last.expect(426)
		last.expect(226)
	})
}

// A client that reads nothing can't hold a session: neither by pipelining commands
// nor by not reading 421.
func TestReplyTimeout(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.tcp(t, memClient, explicitPort, 256)
		start := time.Now()
		go func() {
			for {
				if _, err := io.WriteString(c, "FEAT\r\n"); err != nil {
					return
				}
			}
		}()
		time.Sleep(30*time.Second - 1)
		synctest.Wait()
		require.Len(t, fs.Sessions(), 1)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Empty(t, fs.Sessions(), "after %v", time.Since(start))
	})
}

// A reply leaves no deadline behind. Such a deadline would break what TLS has to
// write on its own later, such as the answer to a key update.
func TestReplyLeavesNoDeadline(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		c.cmd(200, "NOOP")
		synctest.Wait()
		require.Zero(t, c.Conn.(patient).PeerWriteDeadline())
	})
}

// The context of a driver that blocks ends two seconds after the server noticed
// that the client is gone. The server notices only while a command takes more than
// a moment.
func TestContextEndsWithClient(t *testing.T) {
	var waited time.Duration
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		c.send("SIZE x")
		synctest.Wait()
		c.Conn.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 2*time.Second+10*time.Millisecond, waited)
		require.Empty(t, fs.Sessions())
	}, func(srv *server.Server) {
		srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
			return &driver.Account{FS: blockingStat{driver.Mem(), &waited}}, nil
		})
	})
}

type blockingStat struct {
	driver.FS
	waited *time.Duration
}

func (b blockingStat) Stat(ctx context.Context, _ string) (iofs.FileInfo, error) {
	start := time.Now()
	<-ctx.Done()
	*b.waited = time.Since(start)
	return nil, ctx.Err()
}
