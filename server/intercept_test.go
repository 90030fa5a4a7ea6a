package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// wrap has commands answered by the replies of a map, keyed by line.
func wrap(answers map[string]server.Reply) func(*server.Server) {
	return func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
			if r, ok := answers[c.Line]; ok {
				return r
			}
			return run()
		}}
	}
}

func TestInterceptAnswersCommands(t *testing.T) {
	ts := start(t, wrap(map[string]server.Reply{
		"":         {Code: 220, Lines: []string{"Hello."}},
		"XTIME":    {Code: 211, Lines: []string{"The time is", "now"}},
		"DELE a":   {Code: 550, Lines: []string{"Not here."}},
		"NOOP":     {Code: 421},
		"XGARBAGE": {Code: 7, Lines: []string{"a\r\nb"}},
	}))
	ts.writeFile(t, "a", "1")
	c := ts.connect(t)
	require.Equal(t, "220 Hello.", c.expect(220).String())
	c.authTLS()
	c.login()
	require.Equal(t, "211-The time is\n211 now", c.cmd(211, "XTIME").String())
	require.Equal(t, "550 Not here.", c.cmd(550, "DELE a").String())
	require.Equal(t, "1", ts.readFile(t, "a"), "a command that was answered was done as well")
	require.Equal(t, "451 a??b", c.cmd(451, "XGARBAGE").String())
	c.cmd(421, "NOOP")
	c.end()
}

// A transfer that Intercept refuses gives its port back at once, as one that the server
// refuses does.
func TestInterceptRefusesTransfer(t *testing.T) {
	for line, data := range map[string]bool{"RETR a": true, "STOR b": true, "LIST": true, "MLSD": true, "DELE a": false} {
		t.Run(line, func(t *testing.T) {
			ports := onePort(t)
			ts := start(t, wrap(map[string]server.Reply{line: {Code: 550, Lines: []string{"No."}}}), func(srv *server.Server) {
				srv.Passive = ports
			})
			ts.writeFile(t, "a", "content")
			c := ts.login(t)
			c.pasv()
			c.cmd(550, "%s", line)
			if data {
				require.Zero(t, ports.Stats().Leases)
				c.cmd(425, "NLST")
			} else {
				require.Equal(t, 1, ports.Stats().Leases, "it was no transfer")
			}
		})
	}
}

func TestInterceptMayRefuseTLS(t *testing.T) {
	ran := false
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
			r := run()
			if c.Line == "AUTH TLS" {
				ran = r.Code == 234
				r = server.Reply{Code: 502, Lines: []string{"No."}}
			}
			return r
		}}
	})
	c := ts.dial(t)
	c.cmd(502, "AUTH TLS")
	require.True(t, ran)
	c.login() // in clear, so that nobody waits for a handshake
}

func TestInterceptPanic(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
			if c.Line == "PWD" || c.Line == "NOOP" {
				panic("oops")
			}
			return run()
		}}
	})
	ts.writeFile(t, "a", "1")
	c := ts.login(t)
	c.cmd(421, "PWD")
	c.end()

	c = ts.login(t)
	c.open("STOR b")
	c.send("NOOP")
	c.expect(426)
	c.end()
	_, err := ts.FS.Stat(t.Context(), "b")
	require.Error(t, err)

	require.Equal(t, "1", ts.login(t).get("RETR a"), "others go on")
}

func TestReplyHookPanic(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Reply: func(_ server.SessionInfo, r server.Reply) {
			if r.Code == 257 || r.Code == 150 {
				panic("oops")
			}
		}}
	})
	ts.writeFile(t, "a", "1")
	c := ts.login(t)
	c.cmd(257, "PWD")
	c.end()
	ts.login(t).cmd(200, "NOOP")
}

// A session or login that run has ended stays ended, whatever the client is told.
func TestInterceptCannotUndo(t *testing.T) {
	ts := start(t, wrapAfter(map[string]server.Reply{
		"PASS ****": {Code: 530, Lines: []string{"No."}},
		"QUIT":      {Code: 500, Lines: []string{"Stay."}},
	}))
	c := ts.dial(t)
	c.authTLS()
	c.cmd(331, "USER %s", testUser)
	c.cmd(530, "PASS %s", testPassword)
	c.cmd(257, "PWD")
	c.cmd(500, "QUIT")
	c.end()
}

// wrapAfter has commands done, and then answered by the replies of a map, keyed by
// line.
func wrapAfter(answers map[string]server.Reply) func(*server.Server) {
	return func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
			r := run()
			if own, ok := answers[c.Line]; ok {
				return own
			}
			return r
		}}
	}
}

// counting counts the bytes that cross a connection.
type counting struct {
	net.Conn
	mu     *sync.Mutex
	n      *int
	closed *int
}

func (c counting) Write(p []byte) (int, error) {
	c.mu.Lock()
	*c.n += len(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c counting) Close() error {
	c.mu.Lock()
	*c.closed++
	c.mu.Unlock()
	return c.Conn.Close()
}

func TestInterceptData(t *testing.T) {
	t.Parallel()
	for _, inClear := range []bool{false, true} {
		var (
			mu        sync.Mutex
			n, closed int
			seen      []server.Transfer
			protected bool
		)
		ts := start(t, insecure, func(srv *server.Server) {
			dir, err := driver.OpenDir(t.TempDir())
			require.NoError(t, err)
			t.Cleanup(func() { dir.Close() })
			writeFile(t, dir, "a", "content")
			srv.Driver = driver.User(testUser, testPassword, dir)
			srv.Intercept = &server.Intercept{Data: func(_ context.Context, x server.Transfer, conn net.Conn) (net.Conn, error) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, x)
				_, protected = conn.(tls.Conn)
				if x.Path == "/no" {
					return nil, &driver.Error{Code: 552, Text: "Not today."}
				}
				return counting{conn, &mu, &n, &closed}, nil
			}}
		})
		c := ts.loginClear(t)
		if !inClear {
			c = ts.login(t)
		}
		require.Equal(t, "content", c.get("RETR a"))
		refused := c.open("STOR no")
		require.Equal(t, "552 Not today.", c.expect(552).String())
		require.Empty(t, readAll(t, refused))
		require.Equal(t, "content", c.get("RETR a"), "the session goes on")

		mu.Lock()
		require.Equal(t, 2*len("content"), n)
		require.Equal(t, 2, closed)
		require.Equal(t, !inClear, protected)
		require.Equal(t, "RETR", seen[0].Verb)
		require.Equal(t, "/a", seen[0].Path)
		require.Equal(t, testUser, seen[0].Session.User)
		require.Equal(t, !inClear, seen[0].Protected)
		require.True(t, seen[0].Peer.IsValid())
		mu.Unlock()
		_, err := ts.FS.Stat(t.Context(), "no")
		require.Error(t, err)
	}
}

// The connection that Intercept.Data gets carries what crosses the network, in both
// directions.
func TestInterceptDataText(t *testing.T) {
	var (
		mu        sync.Mutex
		n, closed int
	)
	ts := start(t, func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Data: func(_ context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
			return counting{conn, &mu, &n, &closed}, nil
		}}
	})
	c := ts.login(t)
	c.cmd(200, "TYPE A")
	c.put("1\r\n2\r\n", "STOR a")
	require.Equal(t, "1\n2\n", ts.readFile(t, "a"))
	require.Equal(t, "1\r\n2\r\n", c.get("RETR a"))
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, len("1\r\n2\r\n"), n)
	require.Equal(t, 2, closed)
}

// Flush of a protected data connection sends what was written, and the client gets it
// before more comes.
func TestInterceptDataFlush(t *testing.T) {
	read := make(chan struct{})
	ts := start(t, func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Data: func(ctx context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
			if _, err := io.WriteString(conn, "head "); err != nil {
				return nil, err
			}
			if err := conn.(tls.Conn).Flush(); err != nil {
				return nil, err
			}
			select {
			case <-read:
				return conn, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
	})
	ts.writeFile(t, "a", "content")
	c := ts.login(t)
	data := c.open("RETR a")
	head := make([]byte, len("head "))
	_, err := io.ReadFull(data, head)
	require.NoError(t, err)
	require.Equal(t, "head ", string(head))
	close(read)
	require.Equal(t, "content", readAll(t, data))
	c.expect(226)
}

// ABOR ends the context of an Intercept.Data that holds up the transfer.
func TestInterceptDataAborted(t *testing.T) {
	hanging := make(chan struct{}, 1)
	ts := start(t, func(srv *server.Server) {
		srv.Intercept = &server.Intercept{Data: func(ctx context.Context, _ server.Transfer, _ net.Conn) (net.Conn, error) {
			hanging <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}}
	})
	c := ts.login(t)
	c.open("LIST")
	wait(t, hanging)
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	c.cmd(200, "NOOP")
}

func TestReplyHook(t *testing.T) {
	var (
		mu  sync.Mutex
		got []int
	)
	ts := start(t, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Reply: func(_ server.SessionInfo, r server.Reply) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, r.Code)
		}}
	})
	ts.writeFile(t, "a", "1")
	c := ts.login(t)
	c.get("RETR a")
	c.cmd(221, "QUIT")
	c.end()
	ts.Close()
	require.Equal(t, []int{220, 234, 331, 230, 200, 200, 200}, got[:7])
	require.Equal(t, []int{150, 226, 221}, got[len(got)-3:])
}

// panicky is a connection that calls fail in one of its methods.
type panicky struct {
	net.Conn
	method string
	fail   func()
}

func (c panicky) Read(p []byte) (int, error) {
	if c.method == "Read" {
		c.fail()
	}
	return c.Conn.Read(p)
}

func (c panicky) Write(p []byte) (int, error) {
	if c.method == "Write" {
		c.fail()
	}
	return c.Conn.Write(p)
}

func (c panicky) Close() error {
	if c.method == "Close" {
		c.fail()
	}
	return c.Conn.Close()
}

// A panic in a connection of Intercept.Data leaves no data connection behind.
func TestInterceptDataPanic(t *testing.T) {
	for _, method := range []string{"Data", "Read", "Write", "Close"} {
		for _, line := range []string{"RETR a", "STOR a"} {
			if method == "Read" && line == "RETR a" || method == "Write" && line == "STOR a" {
				continue
			}
			t.Run(method+" "+line, func(t *testing.T) {
				ts := start(t, func(srv *server.Server) {
					srv.Intercept = &server.Intercept{Data: func(_ context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
						if method == "Data" {
							panic("oops")
						}
						return panicky{conn, method, func() { panic("oops") }}, nil
					}}
				})
				ts.writeFile(t, "a", "old")
				c := ts.login(t)
				data := c.open("%s", line)
				if line == "STOR a" {
					data.(*stdtls.Conn).CloseWrite()
				}
				c.expect(421)
				c.end()
				_, err := io.ReadAll(data)
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the data connection is still there")
				require.Equal(t, "old", ts.readFile(t, "a"))
			})
		}
	}
}

// Close of a connection of Intercept.Data is called once, also when the file can't be
// committed.
func TestInterceptDataClosedOnce(t *testing.T) {
	var (
		mu        sync.Mutex
		n, closed int
	)
	ts := start(t, func(srv *server.Server) {
		files := drivertest.Faulty(driver.Mem(), drivertest.Fault{Method: "Store.Commit", Do: drivertest.Fail(io.ErrClosedPipe)})
		srv.Driver = driver.User(testUser, testPassword, files)
		srv.Intercept = &server.Intercept{Data: func(_ context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
			return counting{conn, &mu, &n, &closed}, nil
		}}
	})
	c := ts.login(t)
	data := c.open("STOR a")
	data.Close()
	c.expect(451)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 1, closed)
}

// A command comes while a file is being opened, and Intercept.Command panics for it: no
// file and no data connection stays open.
func TestInterceptPanicWhileOpening(t *testing.T) {
	var files *drivertest.FaultyFS
	fake(t, func(t *testing.T, fs *fakeServer) {
		writeFile(t, fs.FS, "a", "1")
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.write("RETR a\r\nNOOP\r\n")
		c.expect(150)
		c.expect(421)
		c.end()
		synctest.Wait()
		require.Empty(t, fs.Sessions())
		require.Empty(t, files.Held())
		io.Copy(io.Discard, data)
	}, func(srv *server.Server) {
		wrapFiles(srv, func(sound driver.FS) driver.FS {
			files = drivertest.Faulty(sound, drivertest.Fault{Method: "Open", Do: func(context.Context) error {
				time.Sleep(time.Second)
				return nil
			}})
			return files
		})
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
			if c.Line == "NOOP" {
				panic("oops")
			}
			return run()
		}}
	})
}

// A panic after run drops the work that was to follow the reply.
func TestInterceptPanicAfterAuth(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		srv.HandshakeTimeout = -1
		srv.Intercept = &server.Intercept{Command: func(_ context.Context, c server.Command, run func() server.Reply) server.Reply {
			r := run()
			if c.Line == "AUTH TLS" {
				panic("oops")
			}
			return r
		}}
	})
	c := ts.dial(t)
	c.cmd(421, "AUTH TLS")
	c.end()
}

// A reply with 421 ends the session, whatever the session is doing.
func TestInterceptEndsSessionDuringTransfer(t *testing.T) {
	ts := start(t, wrap(map[string]server.Reply{"NOOP": {Code: 421, Lines: []string{"Enough."}}}))
	c := ts.login(t)
	c.open("STOR a")
	c.cmd(421, "NOOP")
	c.expect(426)
	c.end()
	_, err := ts.FS.Stat(t.Context(), "a")
	require.Error(t, err)
}

// The context of a command ends when the client goes.
func TestInterceptHearsThatTheClientIsGone(t *testing.T) {
	for _, after := range []bool{false, true} {
		hanging := make(chan struct{}, 1)
		ts := start(t, func(srv *server.Server) {
			srv.Intercept = &server.Intercept{Command: func(ctx context.Context, c server.Command, run func() server.Reply) (r server.Reply) {
				if after || c.Line != "PWD" {
					r = run()
				}
				if c.Line == "PWD" {
					hanging <- struct{}{}
					<-ctx.Done()
				}
				return r
			}}
		})
		c := ts.dial(t)
		c.authTLS()
		c.login()
		c.send("PWD")
		wait(t, hanging)
		c.Conn.(*stdtls.Conn).NetConn().(*ftpclient.TCPConn).SetLinger(0)
		c.Conn.(*stdtls.Conn).NetConn().Close()
		eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
	}
}

// Hooks are told the code that was sent, not the one out of range that Intercept
// returned.
func TestInterceptCodeOutOfRange(t *testing.T) {
	ts := start(t, wrap(map[string]server.Reply{"XTIME": {Code: 7}}))
	c := ts.login(t)
	c.cmd(451, "XTIME")
	c.cmd(221, "QUIT")
	c.end()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, cmd := range ts.commands {
		if cmd.Line == "XTIME" {
			require.Equal(t, 451, cmd.Code)
		}
	}
}
