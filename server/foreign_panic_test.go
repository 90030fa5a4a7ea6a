package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// boom is what the embedder's code does where it fails: a panic, or what assertions of a test do
// in a goroutine that is not the test's.
var boom = panics

func panics() { panic("boom") }

// foreign lists places where the embedder's code panics while a client transfers:
// the function that panics, and what the client has sent by then.
var foreign = []struct {
	name string
	line string
	// meanwhile is sent while the transfer runs.
	meanwhile string
	set       func(*server.Server)
}{
	{"Reply at 150 of a download", "RETR a", "", onReply(150)},
	{"Reply at 150 of an upload", "STOR b", "", onReply(150)},
	{"Reply at 150 of a listing", "LIST", "", onReply(150)},
	{"Reply at 226", "RETR a", "", onReply(226)},
	{"Reply during a transfer", "STOR b", "NOOP", onReply(200)},
	{"Command during a transfer", "STOR b", "NOOP", func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Command: func(c server.Command) {
			if c.Line == "NOOP" {
				boom()
			}
		}}
	}},
	{"Command after a transfer", "RETR a", "", func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Command: func(c server.Command) {
			if strings.HasPrefix(c.Line, "RETR") {
				boom()
			}
		}}
	}},
	{"Transfer", "RETR a", "", func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Transfer: func(server.Transfer) { boom() }}
	}},
	{"Intercept.Command around a transfer", "RETR a", "", wrapping("RETR", true)},
	{"Intercept.Command before a transfer", "RETR a", "", wrapping("RETR", false)},
	{"Intercept.Command during a transfer", "STOR b", "NOOP", wrapping("NOOP", true)},
	{"Intercept.Data of a download", "RETR a", "", wrapData},
	{"Intercept.Data of an upload", "STOR b", "", wrapData},
	{"a wrapped connection", "RETR a", "", func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Data: func(_ context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
			return panicConn{conn}, nil
		}}
	}},
}

func onReply(code int) func(*server.Server) {
	return func(srv *server.Server) {
		transferring := false
		srv.Hooks = &server.Hooks{Reply: func(s server.SessionInfo, r server.Reply) {
			// Only 150 tells that the transfer runs, since 200 is the answer to
			// other commands as well.
			transferring = transferring || r.Code == 150
			if r.Code == code && (code != 200 || transferring) {
				boom()
			}
		}}
	}
}

func wrapping(verb string, run bool) func(*server.Server) {
	return func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, do func() server.Reply) server.Reply {
			if !strings.HasPrefix(c.Line, verb) {
				return do()
			}
			if run {
				do()
			}
			boom()
			panic("boom has returned")
		}}
	}
}

func wrapData(srv *server.Server) {
	srv.Intercept = &server.Intercept{Data: func(context.Context, server.Transfer, net.Conn) (net.Conn, error) { boom(); return nil, nil }}
}

type panicConn struct{ net.Conn }

func (panicConn) Write([]byte) (int, error) { boom(); return 0, nil }
func (panicConn) Read([]byte) (int, error)  { boom(); return 0, nil }

// Row 53: a panic in the embedder's functions ends the session that they were
// called for, and nothing of it stays: no file, no lease, no session.
func TestForeignPanicsLeakNothing(t *testing.T) { foreignFails(t, panics, "boom") }

// The same holds for code that ends the goroutine, as assertions of a test do.
func TestForeignExitsLeakNothing(t *testing.T) {
	foreignFails(t, runtime.Goexit, "has ended the goroutine of the session")
}

func foreignFails(t *testing.T, how func(), logged string) {
	boom = how
	defer func() { boom = panics }()
	for _, f := range foreign {
		t.Run(f.name, func(t *testing.T) {
			var files *drivertest.FaultyFS
			ports := passive.Any()
			ts := start(t, insecure, func(srv *server.Server) {
				srv.Passive = ports
				good := srv.Driver
				srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
					account, err := good.Login(ctx, l)
					if err == nil {
						account.FS = files
					}
					return account, err
				})
				f.set(srv)
			})
			files = drivertest.Faulty(ts.FS)
			ts.writeFile(t, "a", "old")
			c := ts.loginClear(t)
			data := c.dataTCP(c.pasv())
			c.send("%s", f.line)
			if f.meanwhile != "" {
				c.expect(150)
				io.WriteString(data, "half")
				c.send("%s", f.meanwhile)
			}
			for {
				if _, err := c.ReadReply(); err != nil {
					break
				}
			}
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
			require.Empty(t, files.Held())
			stats := ports.Stats()
			require.Zero(t, stats.Leases+stats.Untaken+stats.Waiting, "%+v", stats)
			_, err := io.Copy(io.Discard, data)
			_ = err // reset or closed: what matters is that it ends
			require.Contains(t, ts.Log.String(), logged)
			require.Equal(t, "old", ts.readFile(t, "a"))
		})
	}
}

// panicMapper is an announcer that panics when it is asked for a port.
type panicMapper struct{ passive.Announcer }

func (panicMapper) Offset(netip.Addr) int { panic("boom") }

// An Announcer that panics leaves no port reserved.
func TestAnnouncerPanicsLeakNothing(t *testing.T) {
	for command, announcer := range map[string]passive.Announcer{
		"PASV": panicAnnouncer{},
		"EPSV": panicMapper{passive.Address("127.0.0.1")},
	} {
		t.Run(command, func(t *testing.T) {
			ports := passive.Any()
			ports.Announce = announcer
			ts := start(t, insecure, func(srv *server.Server) { srv.Passive = ports })
			c := ts.loginClear(t)
			c.cmd(421, "%s", command)
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
			stats := ports.Stats()
			require.Zero(t, stats.Leases+stats.Untaken+stats.Waiting, "%+v", stats)
		})
	}
}

// closePanics is a connection of the embedder's whose Close panics.
type closePanics struct{ net.Conn }

func (c closePanics) Close() error {
	c.Conn.Close()
	panic("boom")
}

// The server waits for the end of a refused upload in a goroutine beside the
// session. A panic of the embedder's connection must not end the process there
// either.
func TestConnectionOfRefusedUploadPanics(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) {
		good := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			account, err := good.Login(ctx, l)
			if err == nil && l.Host != "safe" {
				account.FS = faulty(account.FS, "Store.Write", drivertest.Fail(driver.ErrQuota))
			}
			return account, err
		})
		srv.Intercept = &server.Intercept{Data: func(_ context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
			return closePanics{conn}, nil
		}}
	})
	c := ts.loginClear(t)
	data := c.open("STOR a")
	io.WriteString(data, "some")
	closeWrite(data)
	for {
		if _, err := c.ReadReply(); err != nil {
			break
		}
		c.send("QUIT")
	}
	eventually(t, "the panic in the log", func() bool { return strings.Contains(ts.Log.String(), "boom") })
	eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
	other := ts.dial(t)
	other.cmd(220, "HOST safe")
	other.login()
}

// A callback of TLS that ends the goroutine of the handshake on a data connection ends no more
// than the session, and nothing of either stays.
func TestExitInHandshake(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(map[bool]string{false: "after 150", true: "before the transfer is asked for"}[early], func(t *testing.T) {
			fake(t, func(t *testing.T, ts *fakeServer) {
				ts.writeFile(t, "a", "content")
				c := ts.loginWith(t, ts.Config)
				cfg := ts.Config.Clone()
				cfg.ServerName, cfg.ClientSessionCache = "exit", nil
				conn := c.dataTCP(c.pasv())
				if !early {
					c.send("RETR a")
					c.expect(150)
				}
				require.Error(t, stdtls.Client(conn, cfg).Handshake())
				c.Conn.Close() // if the session has not ended by that
				time.Sleep(time.Minute)
				stats := ts.Passive.Stats()
				require.Zero(t, stats.Leases+stats.Untaken+stats.Unproven, "%+v", stats)
				require.Equal(t, "content", ts.loginWith(t, ts.Config).get("RETR a"))
			}, func(srv *server.Server) {
				srv.TLS = srv.TLS.Clone()
				srv.TLS.GetConfigForClient = func(hello *stdtls.ClientHelloInfo) (*stdtls.Config, error) {
					if hello.ServerName == "exit" {
						runtime.Goexit()
					}
					return nil, nil
				}
			})
		})
	}
}
