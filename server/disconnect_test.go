package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

const maintenance = "Maintenance at noon; come back at one."

// kick disconnects a session and demands that the session is gone afterwards.
func (ts *testServer) kick(t testing.TB, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, ts.Disconnect(ctx, id, maintenance))
	for _, s := range ts.Sessions() {
		require.NotEqual(t, id, s.ID)
	}
}

// only returns the ID of the one session that there is.
func (ts *testServer) only(t testing.TB) string {
	t.Helper()
	all := ts.Sessions()
	require.Len(t, all, 1)
	return all[0].ID
}

// told demands 421 with the reason, and an end in order.
func (c *client) told() {
	c.t.Helper()
	require.Equal(c.t, "421 "+maintenance, c.expect(421).String())
	c.end()
}

func (ts *testServer) lastEnd(t testing.TB) error {
	t.Helper()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	require.NotEmpty(t, ts.ends, "Hooks.Disconnect has not been called")
	return ts.ends[len(ts.ends)-1]
}

// An idle session hears why it ends, be it new, logged in, or at rest without a
// goroutine, in clear or under TLS.
func TestDisconnectIdle(t *testing.T) {
	for name, enter := range map[string]func(ts *testServer) *client{
		"clear":    func(ts *testServer) *client { return ts.dial(t) },
		"TLS":      func(ts *testServer) *client { return ts.login(t) },
		"implicit": func(ts *testServer) *client { return ts.dialImplicit(t) },
	} {
		t.Run(name, func(t *testing.T) {
			ts := start(t)
			c := enter(ts)
			ts.kick(t, ts.only(t))
			c.told()
			require.ErrorIs(t, ts.lastEnd(t), server.ErrDisconnected)
			require.ErrorContains(t, ts.lastEnd(t), maintenance)
		})
	}
}

// A parked session hears why it ends. This test is not parallel to others, because
// it counts goroutines.
func TestDisconnectParked(t *testing.T) {
	ts := start(t)
	const sessions = 20
	before := runtime.NumGoroutine()
	clients := make([]*client, sessions)
	for i := range clients {
		clients[i] = ts.login(t)
	}
	if runtime.GOOS == "linux" {
		eventually(t, "rest", func() bool { return runtime.NumGoroutine() < before+sessions/2 })
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := ts.DisconnectFunc(ctx, func(i server.SessionInfo) bool { return i.User == testUser }, maintenance)
	require.NoError(t, err)
	require.Equal(t, sessions, n)
	require.Empty(t, ts.Sessions())
	for _, c := range clients {
		c.told()
	}
}

// When Disconnect returns, a transfer has been cut in whatever state, the new file
// is closed and the old file is whole.
func TestDisconnectTransfer(t *testing.T) {
	for name, begin := range map[string]func(c *client) net.Conn{
		"upload": func(c *client) net.Conn {
			conn := c.open("STOR a")
			_, err := io.WriteString(conn, "part of the new")
			require.NoError(c.t, err)
			return conn
		},
		"download": func(c *client) net.Conn {
			conn := c.open("RETR big")
			_, err := io.ReadFull(conn, make([]byte, 1000))
			require.NoError(c.t, err)
			return conn
		},
		"waiting": func(c *client) net.Conn {
			c.pasv()
			c.cmd(150, "STOR a")
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t)
			ts.writeFile(t, "a", "old")
			ts.writeFile(t, "big", strings.Repeat("x", 64<<20))
			c := ts.login(t)
			conn := begin(c)
			ts.kick(t, ts.only(t))
			require.ErrorIs(t, ts.lastTransfer(t).Err, server.ErrDisconnected)
			require.Equal(t, "old", ts.readFile(t, "a"))
			c.expect(426)
			c.told()
			if name == "download" {
				_, err := io.Copy(io.Discard, conn)
				require.Error(t, err, "the client takes its download for the whole")
			}
		})
	}
}

// DisconnectFunc ends only the sessions that match, and Disconnect says when there
// is no session of that ID.
func TestDisconnectOneUser(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
			return &driver.Account{FS: driver.Mem()}, nil
		})
	})
	enter := func(user string) *client {
		c := ts.dial(t)
		c.authTLS()
		c.cmd(331, "USER %s", user)
		c.cmd(230, "PASS x")
		return c
	}
	bobs, alice := []*client{enter("bob"), enter("bob")}, enter("alice")
	bob := func(i server.SessionInfo) bool { return i.User == "bob" }
	n, err := ts.DisconnectFunc(t.Context(), bob, maintenance)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for _, c := range bobs {
		c.told()
	}
	alice.cmd(200, "NOOP")
	n, err = ts.DisconnectFunc(t.Context(), bob, maintenance)
	require.NoError(t, err)
	require.Zero(t, n)
	require.ErrorIs(t, ts.Disconnect(t.Context(), "nobody", maintenance), server.ErrNoSession)
}

// callFrom has one of a session's own functions call Disconnect.
type callFrom struct {
	place string // the function that calls Disconnect
	kick  func()
	once  sync.Once
}

func (f *callFrom) at(place string) {
	if place == f.place {
		f.once.Do(f.kick)
	}
}

type kickFS struct {
	driver.FS
	from *callFrom
}

func (f kickFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	f.from.at("Stat")
	return f.FS.Stat(ctx, name)
}

func (f kickFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	f.from.at("Store")
	u, err := f.FS.Store(ctx, name, opts)
	return kickUpload{u, f.from}, err
}

type kickUpload struct {
	driver.Upload
	from *callFrom
}

func (u kickUpload) Write(p []byte) (int, error) { u.from.at("Write"); return u.Upload.Write(p) }
func (u kickUpload) Commit() error               { u.from.at("Commit"); return u.Upload.Commit() }
func (u kickUpload) Close(cause error) error     { u.from.at("Close"); return u.Upload.Close(cause) }

// A function that the server calls for a session can end that very session.
// Disconnect then does not wait, whatever context it is given, nor do two such
// calls that end one another's session.
func TestDisconnectFromWithin(t *testing.T) {
	for _, place := range []string{
		"Hooks.Connect", "Hooks.Login", "Hooks.Command", "Hooks.Reply", "Hooks.Transfer", "Hooks.Logout", "Hooks.Disconnect",
		"Login", "Stat", "Store", "Write", "Commit", "Close", "Announce", "Intercept.Command", "Intercept.Data", "TLS",
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			from := &callFrom{place: place}
			over := make(chan error, 1)
			var returned error
			ts := start(t, func(srv *server.Server) {
				from.kick = func() { returned = srv.Disconnect(context.Background(), srv.Sessions()[0].ID, maintenance) }
				wrapFiles(srv, func(files driver.FS) driver.FS { return kickFS{files, from} })
				intercept(func(context.Context, *driver.Login) { from.at("Login") })(srv)
				srv.Passive = passive.Any()
				srv.Passive.Announce = passive.AnnounceFunc(func(_ context.Context, _, local netip.Addr) (netip.Addr, error) {
					from.at("Announce")
					return local, nil
				})
				srv.Intercept = &server.Intercept{
					Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
						if c.Line == "STOR a" {
							from.at("Intercept.Command")
						}
						return run()
					},
					Data: func(_ context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
						from.at("Intercept.Data")
						return conn, nil
					},
				}
				srv.TLS = srv.TLS.Clone()
				cert := srv.TLS.Certificates[0]
				srv.TLS.GetCertificate = func(*stdtls.ClientHelloInfo) (*stdtls.Certificate, error) {
					from.at("TLS")
					return &cert, nil
				}
				srv.Hooks = &server.Hooks{
					Connect: func(server.SessionInfo) { from.at("Hooks.Connect") },
					Login:   func(server.Login) { from.at("Hooks.Login") },
					Command: func(c server.Command) {
						if c.Line == "STOR a" {
							from.at("Hooks.Command")
						}
					},
					Reply: func(_ server.SessionInfo, r server.Reply) {
						if r.Code == 150 {
							from.at("Hooks.Reply")
						}
					},
					Transfer:   func(server.Transfer) { from.at("Hooks.Transfer") },
					Logout:     func(server.SessionInfo) { from.at("Hooks.Logout") },
					Disconnect: func(_ server.SessionInfo, err error) { from.at("Hooks.Disconnect"); over <- err },
				}
			})
			said := ts.connect(t).visit()
			err := <-over
			require.NoError(t, returned)
			if place != "Hooks.Logout" && place != "Hooks.Disconnect" { // these hooks report what has happened already
				require.ErrorIs(t, err, server.ErrDisconnected)
				require.Equal(t, "421 "+maintenance, said[len(said)-1], said)
			}
			eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
		})
	}
}

// deadlinePort is a listener of the embedder's. Its connections call on whenever
// the server sets their deadline for reading.
type deadlinePort struct {
	net.Listener
	on func(time.Time)
}

func (ln *deadlinePort) Accept() (net.Conn, error) {
	conn, err := ln.Listener.Accept()
	return &deadlineConn{conn, ln}, err
}

type deadlineConn struct {
	net.Conn
	ln *deadlinePort
}

func (c *deadlineConn) SetReadDeadline(t time.Time) error {
	c.ln.on(t)
	return c.Conn.SetReadDeadline(t)
}

// A connection of the embedder's can end its own session while the server sets the
// deadline of the connection: at the beginning of the wait for a command, and at
// its end.
func TestDisconnectFromDeadline(t *testing.T) {
	for _, tt := range []struct {
		place string
		is    func(time.Time) bool
	}{
		{"begins", func(t time.Time) bool { return !t.IsZero() }},
		{"ends", time.Time.IsZero},
		{"always", func(time.Time) bool { return true }},
	} {
		t.Run(tt.place, func(t *testing.T) {
			var armed atomic.Bool
			errs := make(chan error, 100)
			ts := start(t)
			ts.Addr = ts.listenOn(t, &deadlinePort{loopback(t), func(at time.Time) {
				if tt.is(at) && (tt.place == "always" && armed.Load() || armed.CompareAndSwap(true, false)) {
					for _, info := range ts.Sessions() {
						errs <- ts.Disconnect(context.Background(), info.ID, maintenance)
					}
				}
			}}, ts.Serve)
			c := ts.login(t)
			armed.Store(true)
			c.send("NOOP")
			r := c.expect(200, 421)
			if r.Code == 200 {
				r = c.expect(421)
			}
			require.Equal(t, "421 "+maintenance, r.String())
			require.NoError(t, <-errs)
			eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
			require.ErrorIs(t, ts.lastEnd(t), server.ErrDisconnected)
		})
	}
}

// visit logs in, stores a file and quits, as far as the server lets it, and returns
// the replies.
func (c *client) visit() (said []string) {
	ask := func(line string) reply {
		if line != "" {
			io.WriteString(c.Conn, line+"\r\n") // fails if the server has closed and its last reply is unread
		}
		r, err := c.ReadReply()
		if err == nil {
			said = append(said, r.String())
		}
		return r
	}
	over := func(r reply) bool { return r.Code == 0 || r.Code == 421 }
	if over(ask("")) || over(ask("AUTH TLS")) {
		return said
	}
	c.upgrade()
	for _, line := range []string{"USER " + testUser, "PASS " + testPassword, "PBSZ 0", "PROT P", "CWD .", "PASV"} {
		if over(ask(line)) {
			return said
		}
	}
	at, err := wire.ParsePasvReply(said[len(said)-1])
	if err == nil && !over(ask("STOR a")) {
		c.deliver(at.String())
	}
	for _, line := range []string{"", "QUIT"} {
		if over(ask(line)) {
			return said
		}
	}
	return said
}

// deliver is the data connection of an upload, for as long as the server takes it.
func (c *client) deliver(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	sec := stdtls.Client(conn, c.TLS)
	if sec.HandshakeContext(context.Background()) == nil {
		io.WriteString(sec, "new")
		sec.Close()
	}
}

// Two sessions whose hooks end one another don't wait for each other.
func TestDisconnectOneAnother(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	ts := start(t, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Command: func(c server.Command) {
			if c.Line != "PWD" {
				return
			}
			both.Done()
			both.Wait()
			for _, other := range srv.Sessions() {
				if other.ID != c.Session.ID {
					srv.Disconnect(context.Background(), other.ID, maintenance)
				}
			}
		}}
	})
	a, b := ts.login(t), ts.login(t)
	a.send("PWD")
	b.send("PWD")
	for _, c := range []*client{a, b} {
		c.expect(257)
		c.told()
	}
}

// A driver waits for a goroutine that calls Disconnect. Disconnect does not wait,
// because it is given the context of the driver's call.
func TestDisconnectByContextOfCall(t *testing.T) {
	returned := make(chan error, 1)
	ts := start(t, func(srv *server.Server) {
		intercept(func(ctx context.Context, l *driver.Login) {
			done := make(chan error)
			go func() { done <- srv.Disconnect(ctx, l.Session, maintenance) }()
			returned <- <-done
		})(srv)
	})
	c := ts.dial(t)
	c.authTLS()
	c.cmd(331, "USER %s", testUser)
	c.send("PASS %s", testPassword)
	require.NoError(t, <-returned)
	c.expect(230, 530)
	c.told()
}

// A client that takes no reply, or is in the midst of a handshake, is cut after two
// seconds.
func TestDisconnectWhoDoesNotListen(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.tcp(t, memClient, implicitPort, buffer)
		synctest.Wait()
		after(t, 2*time.Second, func() { fs.kick(t, fs.only(t)) })
		inHandshake := func() {
			t.Helper()
			require.ErrorIs(t, fs.lastEnd(t), server.ErrDisconnected)
			require.ErrorIs(t, fs.lastEnd(t), server.ErrHandshake)
			require.EqualError(t, fs.lastEnd(t), "server: disconnected: "+strings.TrimSuffix(maintenance, ".")+": TLS handshake failed")
		}
		inHandshake()

		c := fs.from(t, memClient.String())
		c.expect(220)
		c.cmd(234, "AUTH TLS")
		after(t, 2*time.Second, func() { fs.kick(t, fs.only(t)) })
		inHandshake()

		fs.tcp(t, memClient, explicitPort, 1) // its buffer has no room for the greeting
		synctest.Wait()
		after(t, 2*time.Second, func() { fs.kick(t, fs.only(t)) })
	})
}

// A login that waits for its turn ends with the reason.
func TestDisconnectWaitingLogin(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.connected(t, "198.51.100.7")
		for range 2 {
			c.cmd(331, "USER %s", testUser)
			c.cmd(530, "PASS wrong")
		}
		c.cmd(331, "USER %s", testUser)
		c.send("PASS wrong")
		synctest.Wait()
		after(t, 0, func() { fs.kick(t, fs.only(t)) })
		c.told()
		// The login that was ended counts as no guess.
		c = fs.connected(t, "198.51.100.7")
		c.refused(time.Second, 530, testUser)
	})
}

// The context of Disconnect bounds the wait for a driver that does not look at its
// own context.
func TestDisconnectHangingDriver(t *testing.T) {
	let := make(chan struct{})
	ts := start(t, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS {
			return kickFS{files, &callFrom{place: "Stat", kick: func() { <-let }}}
		})
	})
	c := ts.login(t)
	c.send("CWD a")
	eventually(t, "the call", func() bool { return ts.Sessions()[0].Doing == "CWD a" })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, ts.Disconnect(ctx, ts.only(t), maintenance), context.DeadlineExceeded)
	close(let)
	c.expect(426)
	c.told()
}

// A driver that does not return from a call during a transfer keeps its session for
// five seconds and no longer.
func TestDisconnectHangingTransfer(t *testing.T) {
	var let chan struct{}
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		conn := fs.data(t, c, buffer)
		c.cmd(150, "STOR a")
		_, err := io.WriteString(conn, "x")
		require.NoError(t, err)
		synctest.Wait()
		after(t, 5*time.Second, func() { fs.kick(t, fs.only(t)) })
		require.ErrorIs(t, fs.lastTransfer(t).Err, server.ErrDisconnected)
		require.ErrorIs(t, fs.lastEnd(t), server.ErrDisconnected)
		require.EqualError(t, fs.lastEnd(t), "server: disconnected: "+strings.TrimSuffix(maintenance, ".")+": the driver does not return")
		let <- struct{}{}
		conn.Close()
		synctest.Wait()
	}, func(srv *server.Server) {
		let = make(chan struct{}, 1) // in fake time
		wrapFiles(srv, func(files driver.FS) driver.FS {
			return kickFS{files, &callFrom{place: "Write", kick: func() { <-let }}}
		})
	})
}
