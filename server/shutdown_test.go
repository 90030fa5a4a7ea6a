package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"io/fs"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/server"
)

// stubborn lists clients that do not leave when they are told 421.
var stubborn = map[string]func(*testing.T, *fakeServer){
	"no handshake": func(t *testing.T, fs *fakeServer) { fs.tcp(t, memClient, implicitPort, buffer) },
	"half a handshake": func(t *testing.T, fs *fakeServer) {
		io.WriteString(fs.tcp(t, memClient, implicitPort, buffer), "\x16\x03\x01\x02\x00\x01")
	},
	"AUTH and no handshake": func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, memClient.String())
		c.expect(220)
		c.cmd(234, "AUTH TLS")
	},
	"takes no greeting": func(t *testing.T, fs *fakeServer) { fs.tcp(t, memClient, explicitPort, 8) },
	"takes no replies": func(t *testing.T, fs *fakeServer) {
		conn := fs.tcp(t, memClient, explicitPort, 256)
		go endless(conn, func() []byte { return []byte("FEAT\r\n") })
	},
	"takes no answers to key updates": func(t *testing.T, fs *fakeServer) {
		var keys testenv.Buffer
		cfg := fs.Config.Clone()
		cfg.KeyLogWriter = &keys
		c := newClient(t, fs.tcp(t, memClient, explicitPort, buffer), cfg)
		c.expect(220)
		c.authTLS()
		c.login()
		flood := updater(t, &keys, c.state().CipherSuite, 2)
		go endless(c.Conn.(*stdtls.Conn).NetConn(), func() []byte { return append(flood.update(), flood.data("x")...) })
	},
	"a login that takes long": func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, memClient.String())
		c.expect(220)
		c.cmd(331, "USER sleeper")
		c.send("PASS x")
	},
}

// idlers lists clients that ask for a transfer and don't let it begin.
var idlers = map[string]func(*testing.T, *fakeServer){
	"a download without a data connection": func(t *testing.T, fs *fakeServer) { unopened(t, fs, "RETR big") },
	"a listing without a data connection":  func(t *testing.T, fs *fakeServer) { unopened(t, fs, "LIST") },
	"an upload without a data connection":  func(t *testing.T, fs *fakeServer) { unopened(t, fs, "STOR a") },
	"an upload without a byte":             func(t *testing.T, fs *fakeServer) { fs.opened(t, false, buffer, "STOR a") },
	"an upload over TLS without a byte":    func(t *testing.T, fs *fakeServer) { fs.opened(t, true, buffer, "STOR a") },
	"no handshake for data": func(t *testing.T, fs *fakeServer) {
		c := fs.inTLS(t)
		fs.data(t, c, buffer)
		c.cmd(150, "LIST")
	},
}

// unopened begins a transfer and never comes to the data port.
func unopened(t *testing.T, fs *fakeServer, line string) {
	fs.writeFile(t, "big", string(make([]byte, 1<<20)))
	c := fs.in(t)
	c.cmd(227, "PASV")
	c.cmd(150, "%s", line)
}

// endless writes until a write fails.
func endless(conn net.Conn, next func() []byte) {
	for err := error(nil); err == nil; {
		_, err = conn.Write(next())
	}
}

// Clients that neither transfer anything nor take an answer, nor begin the transfer
// that they asked for, hold up Shutdown for two seconds, each alone and all
// together. Shutdown then returns no error.
func TestShutdownCutsTheSilent(t *testing.T) {
	all := func(t *testing.T, fs *fakeServer) {
		for _, come := range stubborn {
			come(t, fs)
		}
	}
	for _, some := range []map[string]func(*testing.T, *fakeServer){stubborn, idlers} {
		for name, come := range some {
			t.Run(name, func(t *testing.T) { shutdownBeside(t, come) })
		}
	}
	t.Run("all", func(t *testing.T) { shutdownBeside(t, all) })
}

// Shutdown lets an upload finish that has begun, however slowly the data comes: the
// first bytes count when they come, though they are written together with more.
func TestShutdownAwaitsSlowUploads(t *testing.T) {
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c, data := fs.opened(t, secure, buffer, "STOR a")
				_, err := io.WriteString(data, "0")
				require.NoError(t, err)
				synctest.Wait()
				over := make(chan error)
				go func() { over <- fs.Shutdown(t.Context()) }()
				for range 9 {
					time.Sleep(time.Second)
					_, err := io.WriteString(data, "x")
					require.NoError(t, err)
				}
				require.NoError(t, data.Close())
				c.expect(226)
				require.Equal(t, "0xxxxxxxxx", fs.readFile(t, "a"))
				require.NoError(t, <-over)
			})
		})
	}
}

func shutdownBeside(t *testing.T, come func(*testing.T, *fakeServer)) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		come(t, fs)
		synctest.Wait()
		require.NotEmpty(t, fs.Sessions())
		after(t, 2*time.Second, func() { require.NoError(t, fs.Shutdown(t.Context())) })
		require.Empty(t, fs.Sessions())
	}, sleepyLogins)
}

// Shutdown waits no longer than it may, whatever clients do.
func TestShutdownKeepsItsDeadline(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "big", string(make([]byte, 1<<20)))
		for _, come := range stubborn {
			come(t, fs)
		}
		for _, line := range []string{"RETR big", "STOR a"} {
			for _, in := range []func(testing.TB) *client{fs.in, fs.inTLS} {
				c := in(t)
				data := fs.data(t, c, buffer)
				c.cmd(150, "%s", line)
				if c.Private {
					c.dataTLS(data)
				}
			}
		}
		for _, armed := range []bool{true, false} { // with 150 and without
			for _, bytes := range []int{0, 50, 1 << 20} { // sent of a ClientHello that resumes, and then nothing more
				c := fs.inTLS(t)
				data := fs.data(t, c, buffer)
				if armed {
					c.cmd(150, "LIST")
				}
				go stdtls.Client(&halting{data, bytes}, c.TLS).Handshake()
			}
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		after(t, 5*time.Second, func() { require.ErrorIs(t, fs.Shutdown(ctx), context.DeadlineExceeded) })
		require.Empty(t, fs.Sessions())
	}, sleepyLogins)
}

// Shutdown does not wait long for a driver that ignores the end of its context.
func TestShutdownLeavesDrivers(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		c.send("SIZE a")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		after(t, 3*time.Second, func() { require.ErrorIs(t, fs.Shutdown(ctx), context.DeadlineExceeded) })
		time.Sleep(slowStat)
		synctest.Wait()
		require.Empty(t, fs.Sessions())
	}, slowlyStat)
}

// halting sends so many bytes of the first write and nothing of those that
// follow, and receives nothing.
type halting struct {
	net.Conn
	left int
}

func (h *halting) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.left = 0
	h.Conn.Write(p[:n])
	return len(p), nil
}

func (*halting) Read([]byte) (int, error) { return 0, io.EOF }

// Shutdown does not cut a command that takes long: the reply arrives before the
// end.
func TestShutdownWaitsForCommands(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		c.send("SIZE a")
		synctest.Wait()
		after(t, slowStat, func() { require.NoError(t, fs.Shutdown(t.Context())) })
		c.expect(213)
		c.expect(421)
		c.end()
	}, slowlyStat)
}

// slowStat is longer than a silent client may hold up a shutdown.
const slowStat = 10 * time.Second

func slowlyStat(srv *server.Server) {
	wrapFiles(srv, func(files driver.FS) driver.FS { return slowStatFS{files} })
}

type slowStatFS struct{ driver.FS }

func (slowStatFS) Stat(context.Context, string) (fs.FileInfo, error) {
	time.Sleep(slowStat)
	return manyInfo(0), nil
}

// sleepyLogins has the login of one user last until its context ends.
func sleepyLogins(srv *server.Server) {
	users := srv.Driver
	srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		if l.User == "sleeper" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return users.Login(ctx, l)
	})
}
