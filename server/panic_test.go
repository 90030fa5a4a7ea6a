package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"io/fs"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// Row 38: a panic in any method of a driver ends that session with 421. Its files
// are closed, nothing is stored, and others go on.
func TestDriverPanics(t *testing.T) {
	all := append(faults[:len(faults):len(faults)], struct{ method, line string }{"Open.Close", "RETR a"})
	for _, f := range all {
		t.Run(f.method+" "+f.line, func(t *testing.T) {
			ts, c, files := play(t, f.method, f.line, drivertest.Panic("a secret\nof the driver"))
			final := c.final()
			require.Equal(t, 421, final.Code, final.String())
			require.NotContains(t, final.String(), "secret")
			c.end()
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
			require.Empty(t, files.Held())
			require.Equal(t, "old", ts.readFile(t, "a"))
			require.Contains(t, ts.Log.String(), "a secret")
			require.NotContains(t, ts.Log.String(), "\nof the driver")

			other := ts.dial(t)
			other.cmd(220, "HOST safe")
			other.login()
			require.Equal(t, "old", other.get("RETR a"))
		})
	}
}

// The hook Transfer is told what a driver or another function panicked with, and
// the log says where.
func TestPanicAsErr(t *testing.T) {
	for _, tt := range []struct {
		name, where string
		set         func(*server.Server)
	}{
		{"driver", "drivertest/faulty", func(srv *server.Server) {
			wrapFiles(srv, func(files driver.FS) driver.FS { return faulty(files, "Open.Read", drivertest.Panic("boom")) })
		}},
		{"Intercept.Data", "wrapData", wrapData},
		{"hook of 150", "onReply", onReply(150)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told := make(chan error, 2)
			ts := start(t, insecure, tt.set, func(srv *server.Server) {
				srv.Hooks.Transfer = func(x server.Transfer) { told <- x.Err }
			})
			ts.writeFile(t, "a", "content")
			c := ts.loginClear(t)
			c.dataTCP(c.pasv())
			c.send("RETR a")
			for c.expect(150, 421).Code == 150 {
			}
			c.end()
			require.EqualError(t, <-told, "panic: boom")
			require.Contains(t, ts.Log.String(), "value=boom")
			require.Contains(t, ts.Log.String(), tt.where)
		})
	}
}

// An error of a driver is answered, and the session goes on. The words of an error
// that was not made for the wire stay in the log (row 39).
func TestDriverErrors(t *testing.T) {
	for _, f := range faults[1:] {
		if f.method == "Size" || f.method == "ReadLink" || f.line == "RNFR a" {
			continue // errors of these are dropped: the target of a link need not be shown, and a link may be renamed
		}
		t.Run(f.method+" "+f.line, func(t *testing.T) {
			ts, c, files := play(t, f.method, f.line,
				drivertest.Fail(&fs.PathError{Op: "open", Path: "/srv/secret", Err: io.ErrClosedPipe}))
			final := c.final()
			require.Equal(t, 451, final.Code, final.String())
			require.NotContains(t, final.String(), "secret")
			require.Contains(t, ts.Log.String(), "/srv/secret")
			c.cmd(200, "NOOP")
			require.Empty(t, files.Held())
			require.Equal(t, "old", ts.readFile(t, "a"))
		})
	}
}

// The context of a method that hangs ends when the client is gone.
func TestDriverHangsUntilTheClientGoes(t *testing.T) {
	for _, f := range faults {
		t.Run(f.method+" "+f.line, func(t *testing.T) {
			if f.method == "Size" {
				return // it has no context
			}
			hanging := make(chan struct{}, 10)
			ts, c, files := play(t, f.method, f.line, func(ctx context.Context) error {
				hanging <- struct{}{}
				return drivertest.Hang(ctx)
			})
			wait(t, hanging)
			require.NoError(t, c.Conn.(interface{ SetLinger(int) error }).SetLinger(0)) // gone, not merely silent
			c.Conn.Close()
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
			require.Empty(t, files.Held())
			require.Equal(t, "old", ts.readFile(t, "a"))
		})
	}
}

// A transfer whose driver hangs ends with ABOR, and the session goes on.
func TestDriverHangsUntilAborted(t *testing.T) {
	for _, f := range faults {
		switch f.method {
		case "CheckStore", "Open", "List", "List.Next", "Open.Read", "Store.Write", "Store.Commit":
		default:
			continue
		}
		if f.line == "STAT /" {
			continue // is no transfer
		}
		t.Run(f.method+" "+f.line, func(t *testing.T) {
			hanging := make(chan struct{}, 10)
			ts, c, files := play(t, f.method, f.line, func(ctx context.Context) error {
				hanging <- struct{}{}
				return drivertest.Hang(ctx)
			})
			wait(t, hanging)
			c.send("ABOR")
			require.Equal(t, 426, c.final().Code)
			require.Equal(t, 226, c.final().Code)
			c.cmd(200, "NOOP")
			require.Empty(t, files.Held())
			require.Equal(t, "old", ts.readFile(t, "a"))
		})
	}
}

// A panic in another function of the embedder's ends one session as well.
func TestHookPanics(t *testing.T) {
	type hooks = server.Hooks
	boom := func() { panic("boom") }
	announcer := passive.Any()
	announcer.Announce = panicAnnouncer{}
	for name, set := range map[string]func(*server.Server){
		"Connect":    func(srv *server.Server) { srv.Hooks = &hooks{Connect: func(server.SessionInfo) { boom() }} },
		"Login":      func(srv *server.Server) { srv.Hooks = &hooks{Login: func(server.Login) { boom() }} },
		"Command":    func(srv *server.Server) { srv.Hooks = &hooks{Command: func(server.Command) { boom() }} },
		"Transfer":   func(srv *server.Server) { srv.Hooks = &hooks{Transfer: func(server.Transfer) { boom() }} },
		"Disconnect": func(srv *server.Server) { srv.Hooks = &hooks{Disconnect: func(server.SessionInfo, error) { boom() }} },
		"Host":       func(srv *server.Server) { srv.Host = func(string) bool { panic("boom") } },
		"Announce":   func(srv *server.Server) { srv.Passive = announcer },
		"certificate": func(srv *server.Server) {
			srv.TLS = &tls.Config{GetCertificate: func(*stdtls.ClientHelloInfo) (*stdtls.Certificate, error) { panic("boom") }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure, set)
			for _, addr := range []string{ts.Addr, ts.ImplicitAddr} {
				c := newClient(t, dialTCP(t, addr), ts.Config)
				if addr == ts.ImplicitAddr || name == "certificate" {
					if addr == ts.Addr {
						c.expect(220)
						c.cmd(234, "AUTH TLS")
					}
					c.Conn = stdtls.Client(c.Conn, ts.Config)
					c.Lines.Reset(c.Conn)
				}
				for _, line := range []string{"HOST x", "USER " + testUser, "PASS " + testPassword, "PASV", "LIST", "ABOR", "QUIT"} {
					if _, err := io.WriteString(c.Conn, line+"\r\n"); err != nil {
						break
					}
				}
				for {
					if _, err := c.ReadReply(); err != nil {
						break
					}
				}
			}
			eventually(t, "the sessions' end", func() bool { return len(ts.Sessions()) == 0 })
		})
	}
}

type panicAnnouncer struct{}

func (panicAnnouncer) Announce(context.Context, netip.Addr, netip.Addr) (netip.Addr, error) {
	panic("boom")
}

// A driver that hangs and ignores its context can hold Close up for five
// seconds and no longer.
func TestDriverHangs(t *testing.T) {
	release := make(chan struct{})
	fake(t, func(t *testing.T, fs *fakeServer) {
		release = make(chan struct{})
		c := fs.in(t)
		c.send("SIZE a")
		synctest.Wait()
		other := fs.in(t)
		other.cmd(200, "NOOP")
		after(t, 5*time.Second, func() { fs.Close() })
		close(release)
		synctest.Wait()
		require.Empty(t, fs.Sessions())
	}, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS {
			return faulty(files, "Stat", func(context.Context) error { <-release; return io.EOF })
		})
	})
}
