package server_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// Row 40: transfers finish, idle sessions hear 421, nobody new comes in, and
// nothing is left.
func TestShutdownDrains(t *testing.T) {
	ports := passive.Any()
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	idle, busy := ts.login(t), ts.login(t)
	fresh, silent := ts.dial(t), dialTCP(t, ts.ImplicitAddr)
	idle.cmd(227, "PASV") // a lease does not count as a transfer
	data := busy.open("STOR a")
	io.WriteString(data, "first, ")

	done := make(chan error)
	go func() { done <- ts.Shutdown(t.Context()) }()
	for _, c := range []*client{idle, fresh} {
		c.expect(421)
		c.end()
	}
	_, err := net.Dial("tcp", ts.Addr)
	require.Error(t, err)
	busy.cmd(200, "NOOP") // still heard
	silent.Close()

	io.WriteString(data, "last")
	require.NoError(t, data.Close())
	busy.expect(226)
	busy.expect(421)
	busy.end()
	require.NoError(t, <-done)
	require.Equal(t, "first, last", ts.readFile(t, "a"))
	require.Empty(t, ts.Sessions())
	require.Zero(t, ports.Stats().Leases)
	require.NoError(t, ports.Close(), "they are whose who made them")
	require.Zero(t, ports.Stats().Listeners)
	require.NoError(t, ts.Shutdown(t.Context()))
	require.NoError(t, ts.Close())
}

// Shutdown cuts transfers that are not done in time, and an atomic upload leaves
// nothing behind.
func TestShutdownCutsInTheEnd(t *testing.T) {
	dir := t.TempDir()
	ts := start(t, inDir(t, dir))
	c := ts.login(t)
	data := c.open("STOR a")
	io.WriteString(data, "half")
	eventually(t, "the first bytes", func() bool { return ts.Sessions()[0].Doing != "" })

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, ts.Shutdown(ctx), context.DeadlineExceeded)
	require.Empty(t, ts.Sessions())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Error(t, ts.lastTransfer(t).Err)
}

// inDir serves a directory.
func inDir(t testing.TB, dir string) func(*server.Server) {
	files, err := driver.OpenDir(dir)
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	return func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, files) }
}

func TestCloseEndsEverything(t *testing.T) {
	fake(t, func(t *testing.T, ts *fakeServer) {
		idle, up, down := ts.login(t), ts.login(t), ts.login(t)
		silent := ts.dialTCP(t, ts.ImplicitAddr)
		ts.writeFile(t, "big", string(make([]byte, 8<<20)))
		data := up.open("STOR a")
		io.WriteString(data, "half")
		down.open("RETR big")

		after(t, 0, func() { require.NoError(t, ts.Close()) }) // Close waits for nobody
		require.Empty(t, ts.Sessions())
		for _, c := range []*client{idle, up, down} {
			if r, err := c.ReadReply(); err == nil {
				require.Contains(t, []int{421, 426}, r.Code)
				_, err = c.ReadReply()
				require.Error(t, err)
			}
		}
		_, err := silent.Read(make([]byte, 1))
		require.Error(t, err)
		_, err = ts.FS.Stat(t.Context(), "a")
		require.Error(t, err)
	})
}

func TestServeAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(*server.Server) error{
		"Close":    (*server.Server).Close,
		"Shutdown": func(srv *server.Server) error { return srv.Shutdown(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			srv := &server.Server{TLS: certificate()}
			require.NoError(t, end(srv))
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			require.ErrorIs(t, srv.Serve(ln), server.ErrServerClosed)
			_, err = ln.Accept()
			require.ErrorIs(t, err, net.ErrClosed, "the listener is still open")
			require.ErrorIs(t, srv.ListenAndServeTLS("127.0.0.1:0"), server.ErrServerClosed)
			require.NoError(t, srv.Close())
		})
	}
}

// Close may be called at any moment, also while the server starts.
func TestCloseDuringStart(t *testing.T) {
	for range 50 {
		srv := &server.Server{TLS: certificate()}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		done := make(chan error)
		go func() { done <- srv.Serve(ln) }()
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-done, server.ErrServerClosed)
	}
}

// Explicit and implicit listeners share the limit and the one data port.
func TestListenersShare(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		srv.MaxSessions = 2
		srv.Passive = onePort(t)
	})
	explicit, implicit := ts.login(t), ts.dialImplicit(t)
	implicit.login()
	over := ts.connect(t)
	over.expect(421)
	over.end()

	a, b := explicit.epsv(), ""
	data := explicit.dataTCP(a)
	explicit.cmd(150, "STOR a")
	sec := explicit.dataTLS(data)
	b = implicit.epsv() // a transfer that has its connection occupies no port
	require.Equal(t, a, b)
	data = implicit.dataTCP(b)
	implicit.cmd(150, "LIST")
	readAll(t, implicit.dataTLS(data))
	implicit.expect(226)
	sec.Close()
	explicit.expect(226)
}

// onePort returns a set of a single port that is free, and stays so until the test
// ends. Sessions wait for the port even if this machine stands still for a while.
func onePort(t testing.TB) *passive.Ports {
	t.Helper()
	ports, err := passive.Range(testenv.FreePortSet(t, 1))
	require.NoError(t, err)
	ports.Wait = patience
	return ports
}

// Row 23: connections count from the moment they are accepted, before any handshake
// or command, and no longer than they last.
func TestSessionLimits(t *testing.T) {
	for name, limit := range map[string]func(*server.Server){
		"total":       func(srv *server.Server) { srv.MaxSessions = 3 },
		"per address": func(srv *server.Server) { srv.MaxSessionsPerAddress = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				first := fs.tcp(t, memClient, implicitPort, buffer)
				fs.tcp(t, memClient, implicitPort, buffer)
				fs.tcp(t, memClient, explicitPort, buffer)
				synctest.Wait()
				over := fs.from(t, memClient.String())
				over.expect(421)
				over.end()
				// An implicit listener sends nothing before the handshake.
				said, err := io.ReadAll(fs.tcp(t, memClient, implicitPort, buffer))
				require.NoError(t, err)
				require.Empty(t, said)

				other := fs.from(t, "198.51.100.8")
				if name == "total" {
					other.expect(421)
				} else {
					other.expect(220)
				}
				first.Close()
				synctest.Wait()
				fs.from(t, memClient.String()).expect(220)
			}, limit)
		})
	}
}

// 5,000 silent sockets are gone after their deadlines, and a valid login works
// all the while.
func TestSilentSocketsAreBounded(t *testing.T) {
	const many = 5000
	fake(t, func(t *testing.T, fs *fakeServer) {
		count := func() (explicit, implicit int) {
			synctest.Wait()
			for _, s := range fs.Sessions() {
				if s.Implicit {
					implicit++
				} else {
					explicit++
				}
			}
			return explicit, implicit
		}
		for i := range many {
			fs.tcp(t, memServer, []uint16{explicitPort, implicitPort}[i%2], 512)
		}
		explicit, implicit := count()
		require.Equal(t, server.DefaultMaxSessionsPerAddress, explicit+implicit)
		fs.in(t).cmd(221, "QUIT")
		time.Sleep(10 * time.Second)
		left, shaking := count()
		require.Zero(t, shaking, "handshakes that never began")
		require.Equal(t, explicit, left)
		time.Sleep(50 * time.Second)
		left, _ = count()
		require.Zero(t, left)
	}, func(srv *server.Server) { srv.Logger = nil })
}
