package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// looking is how long the server takes beyond EndGrace to see what has arrived on a
// connection in memory, where only a read can tell.
const looking = time.Millisecond

// endings lists uploads whose end nothing proves, and how long the server waits for
// news after each.
var endings = map[string]struct {
	secure bool
	set    time.Duration // of Server.EndGrace
	grace  time.Duration
}{
	"TLS":        {true, 0, 100 * time.Millisecond},
	"clear":      {false, 0, 20 * time.Millisecond},
	"TLS, set":   {true, time.Second, time.Second},
	"clear, set": {false, time.Second, time.Second},
}

// ended returns a client whose upload to a, begun with line, has just ended without
// proof.
func (fs *fakeServer) ended(t testing.TB, secure bool, line string) *client {
	t.Helper()
	fs.writeFile(t, "a", "old")
	c, data := fs.opened(t, secure, buffer, line)
	_, err := io.WriteString(data, "new")
	require.NoError(t, err)
	if sec, ok := data.(*stdtls.Conn); ok {
		data = sec.NetConn()
	}
	require.NoError(t, data.Close())
	return c
}

// The kernel of a client that is killed ends its connections one after the other. The
// end of the control connection within EndGrace means that the file is not whole. Later
// it means nothing.
func TestKilledUploader(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c := fs.ended(t, e.secure, "STOR a")
				time.Sleep(e.grace - 1)
				closeTCP(t, c)
				synctest.Wait()
				time.Sleep(time.Minute)
				require.Equal(t, "old", fs.readFile(t, "a"))
				require.Error(t, fs.lastTransfer(t).Err)

				c = fs.ended(t, e.secure, "STOR a")
				start := time.Now()
				c.expect(226)
				took := time.Since(start) - looking
				if e.set != 0 {
					require.Equal(t, e.grace, took)
				}
				// The default is longer while this machine is busy.
				require.GreaterOrEqual(t, took, e.grace)
				require.LessOrEqual(t, took, min(5*e.grace, max(e.grace, 200*time.Millisecond)))
				closeTCP(t, c)
				require.Equal(t, "new", fs.readFile(t, "a"))
				x := fs.lastTransfer(t)
				require.Equal(t, []bool{true, e.secure}, []bool{x.Unproven, x.Truncated})
				require.Contains(t, fs.Log.String(), "unproven=true")
			}, func(srv *server.Server) { srv.EndGrace = e.set })
		})
	}
}

// closeTCP ends a control connection as a kernel does.
func closeTCP(t testing.TB, c *client) {
	t.Helper()
	conn := c.Conn
	if sec, ok := conn.(*stdtls.Conn); ok {
		conn = sec.NetConn()
	}
	require.NoError(t, conn.Close())
}

// ABOR and QUIT within EndGrace mean that the client gave up.
func TestGivenUpAtTheEnd(t *testing.T) {
	for name, e := range endings {
		for verb, code := range map[string]int{"ABOR": 226, "QUIT": 221} {
			t.Run(name+" "+verb, func(t *testing.T) {
				fake(t, func(t *testing.T, fs *fakeServer) {
					c := fs.ended(t, e.secure, "STOR a")
					time.Sleep(e.grace - 1)
					c.send("%s", verb)
					c.expect(426)
					c.expect(code)
					require.Equal(t, "old", fs.readFile(t, "a"))
				}, func(srv *server.Server) { srv.EndGrace = e.set })
			})
		}
	}
}

// A proven end is believed at once, whatever comes on the control connection later.
func TestProvenEndsDoNotWait(t *testing.T) {
	ends := map[string]struct {
		secure bool
		before string // command before the upload
		end    func(t testing.TB, data io.ReadWriteCloser)
	}{
		"close_notify":       {true, "NOOP", func(_ testing.TB, data io.ReadWriteCloser) { data.Close() }},
		"ALLO in clear":      {false, "ALLO 3", func(_ testing.TB, data io.ReadWriteCloser) { data.Close() }},
		"ALLO with bare FIN": {true, "ALLO 3", func(t testing.TB, data io.ReadWriteCloser) { closeBare(t, data) }},
	}
	for name, e := range ends {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				login := map[bool]func(testing.TB) *client{false: fs.in, true: fs.inTLS}[e.secure]
				c := login(t)
				c.cmd(200, "%s", e.before)
				raw := fs.data(t, c, buffer)
				c.cmd(150, "STOR a")
				var data io.ReadWriteCloser = raw
				if e.secure {
					data = c.dataTLS(raw)
				}
				io.WriteString(data, "new")
				e.end(t, data)
				after(t, 0, func() { c.expect(226) })
				require.False(t, fs.lastTransfer(t).Unproven)
				require.Equal(t, "new", fs.readFile(t, "a"))
			})
		})
	}
}

// A size announced by ALLO proves nothing when another number of bytes came, and does
// not count for the next upload.
func TestWrongSizeProvesNothing(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		for _, allo := range []string{"ALLO 2", "ALLO 4", "NOOP"} {
			c.cmd(200, "%s", allo)
			data := fs.data(t, c, buffer)
			c.cmd(150, "STOR a")
			io.WriteString(data, "new")
			data.Close()
			c.expect(226)
			require.True(t, fs.lastTransfer(t).Unproven, allo)
		}
	})
}

// ALLO proves nothing where lines are converted, because its number may count the bytes
// before the conversion or after. ALLO 0 proves nothing either, since some clients
// announce 0 for any file (RFC 959, section 4.1.3). An upload without a byte ends only
// with the connection.
func TestNothingProvesAnEmptyFile(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		for _, lines := range [][]string{{"TYPE A", "ALLO 3", "new"}, {"TYPE I", "ALLO 0", ""}, {"TYPE I", "NOOP", ""}} {
			c.cmd(200, "%s", lines[0])
			c.cmd(200, "%s", lines[1])
			data := fs.data(t, c, buffer)
			c.cmd(150, "STOR a")
			io.WriteString(data, lines[2])
			data.Close()
			c.expect(226)
			require.True(t, fs.lastTransfer(t).Unproven, "%q", lines)
		}
	})
}

// A client that is killed before its first byte leaves the old file.
func TestKilledBeforeTheFirstByte(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				fs.writeFile(t, "a", "old")
				c, data := fs.opened(t, e.secure, buffer, "STOR a")
				if sec, ok := data.(*stdtls.Conn); ok {
					data = sec.NetConn()
				}
				require.NoError(t, data.Close())
				time.Sleep(e.grace - 1)
				closeTCP(t, c)
				time.Sleep(time.Minute)
				require.Equal(t, "old", fs.readFile(t, "a"))
				require.Error(t, fs.lastTransfer(t).Err)
			}, func(srv *server.Server) { srv.EndGrace = e.set })
		})
	}
}

// An ABOR that has arrived on the control connection by the end of the data counts:
// without any EndGrace, and also before an end that is proven.
func TestAbortBeforeTheEnd(t *testing.T) {
	for name, e := range map[string]struct {
		secure, bare bool
		before       string
	}{
		"clear":        {false, false, "NOOP"},
		"TLS":          {true, true, "NOOP"},
		"close_notify": {true, false, "NOOP"},
		"ALLO":         {false, false, "ALLO 3"},
	} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure, func(srv *server.Server) { srv.EndGrace = -1 })
			ts.writeFile(t, "a", "old")
			c := ts.loginClear(t)
			if e.secure {
				c = ts.login(t)
			}
			for range 20 {
				c.cmd(200, "%s", e.before)
				data := c.open("STOR a")
				_, err := io.WriteString(data, "new")
				require.NoError(t, err)
				c.send("ABOR")
				if e.bare {
					closeBare(t, data)
				} else {
					data.Close()
				}
				c.expect(426)
				c.expect(226)
				require.Equal(t, "old", ts.readFile(t, "a"))
			}
		})
	}
}

// A client that is killed with many commands waiting is seen to be gone, though
// the server reads no further than it must.
func TestKilledWithCommandsWaiting(t *testing.T) {
	for name, line := range map[string]string{"many": "PWD", "AUTH": "AUTH TLS"} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure)
			ts.writeFile(t, "a", "old")
			c := ts.loginClear(t)
			data := c.open("STOR a")
			io.WriteString(data, "new")
			for range 40 {
				c.send("%s", line)
			}
			data.Close()
			c.Conn.Close()
			wantOld(t, ts)
		})
	}
}

// wantOld waits for the end of the only transfer, which has failed and left the old
// file.
func wantOld(t *testing.T, ts *testServer) {
	t.Helper()
	eventually(t, "the end of the transfer", func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		return len(ts.transfers) == 1
	})
	require.Error(t, ts.lastTransfer(t).Err)
	require.Equal(t, "old", ts.readFile(t, "a"))
}

// QUIT that was sent with the command of an upload lets the upload finish (RFC 959,
// section 4.1.1): scripts send ahead.
func TestQuitSentAhead(t *testing.T) {
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure)
			for _, line := range []string{"STOR a\r\nQUIT", "STOR a\r\nNOOP\r\nQUIT", "APPE b\r\nQUIT"} {
				c := ts.loginClear(t)
				if secure {
					c = ts.login(t)
				}
				data := c.open("%s", line)
				io.WriteString(data, "new")
				if secure {
					closeBare(t, data)
				} else {
					data.Close()
				}
				for code := 0; code != 226; {
					code = c.expect(200, 226).Code
				}
				c.expect(221)
				require.True(t, ts.lastTransfer(t).Unproven)
			}
			require.Equal(t, "new", ts.readFile(t, "a"))
			require.Equal(t, "new", ts.readFile(t, "b"))
		})
	}
}

// A client that sends QUIT before it has the reply to its upload, as Python's ftplib does
// when its source fails, has given up unless the end is proven. It makes no difference
// when QUIT is heard: before the data, in its midst or with its end.
func TestQuitDuringUpload(t *testing.T) {
	for name, e := range endings {
		for when, parts := range map[string][2]string{"before": {"", "new"}, "amid": {"ne", "w"}, "behind": {"new", ""}, "without": {"", ""}} {
			t.Run(name+" "+when, func(t *testing.T) {
				fake(t, func(t *testing.T, fs *fakeServer) {
					fs.writeFile(t, "a", "old")
					c, data := fs.opened(t, e.secure, buffer, "STOR a")
					io.WriteString(data, parts[0])
					synctest.Wait()
					c.send("QUIT")
					synctest.Wait()
					io.WriteString(data, parts[1])
					if sec, ok := data.(*stdtls.Conn); ok {
						data = sec.NetConn()
					}
					data.Close()
					c.expect(426)
					c.expect(221)
					require.Equal(t, "old", fs.readFile(t, "a"))
				}, func(srv *server.Server) { srv.EndGrace = e.set })
			})
		}
	}
}

// QUIT that was sent with the command of an upload, followed by no byte, means that the
// client gave up the wait for 150.
func TestQuitInsteadOfUpload(t *testing.T) {
	ts := start(t, insecure)
	ts.writeFile(t, "a", "old")
	c := ts.loginClear(t)
	data := c.open("STOR a\r\nQUIT")
	data.Close()
	c.expect(426)
	c.expect(221)
	require.Equal(t, "old", ts.readFile(t, "a"))
}

// A client that ends its data connection and sends QUIT at once is treated the same, in
// whatever order the server sees the two.
func TestQuitRightAfterTheEnd(t *testing.T) {
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure)
			ts.writeFile(t, "a", "old")
			for i := range 60 {
				c := ts.loginClear(t)
				if secure {
					c = ts.login(t)
				}
				data := c.open("STOR a")
				_, err := io.WriteString(data, strings.Repeat("new", 100*i*i))
				require.NoError(t, err)
				if secure {
					closeBare(t, data)
				} else {
					data.Close()
				}
				c.send("QUIT")
				c.expect(426)
				c.expect(221)
				require.Equal(t, "old", ts.readFile(t, "a"))
			}
		})
	}
}

// QUIT that was sent ahead tells nothing about the end of the data: an upload whose end
// nothing proves waits for all of EndGrace, and news within that time is heard.
func TestQuitKeepsTheGrace(t *testing.T) {
	for name, e := range endings {
		for what, then := range map[string]func(t testing.TB, c *client){
			"killed": closeTCP,
			"ABOR":   func(_ testing.TB, c *client) { c.send("ABOR"); c.expect(426); c.expect(226); c.expect(221) },
			"QUIT":   func(_ testing.TB, c *client) { c.send("QUIT"); c.expect(426); c.expect(221) },
			"stays":  nil,
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				fake(t, func(t *testing.T, fs *fakeServer) {
					c := fs.ended(t, e.secure, "STOR a\r\nQUIT")
					if then == nil {
						start := time.Now()
						c.expect(226)
						require.GreaterOrEqual(t, time.Since(start), e.grace)
						c.expect(221)
						require.Equal(t, "new", fs.readFile(t, "a"))
						return
					}
					time.Sleep(e.grace - 1)
					then(t, c)
					synctest.Wait()
					time.Sleep(time.Minute)
					require.Equal(t, "old", fs.readFile(t, "a"))
					require.Error(t, fs.lastTransfer(t).Err)
				}, func(srv *server.Server) { srv.EndGrace = e.set })
			})
		}
	}
}

// A proven end waits for nothing after QUIT either.
func TestQuitAndProvenEnd(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c, data := fs.opened(t, true, buffer, "STOR a")
		c.send("QUIT")
		synctest.Wait()
		io.WriteString(data, "new")
		data.Close()
		closeTCP(t, c)
		synctest.Wait()
		require.NoError(t, fs.lastTransfer(t).Err)
		require.Equal(t, "new", fs.readFile(t, "a"))
	})
}

// The kernel of a client that has sent QUIT and is killed may also end the data
// connection first.
func TestKilledAfterQuit(t *testing.T) {
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			ts := start(t, insecure, func(srv *server.Server) { srv.EndGrace = patience })
			ts.writeFile(t, "a", "old")
			c := ts.loginClear(t)
			if secure {
				c = ts.login(t)
			}
			data := c.open("STOR a\r\nQUIT")
			_, err := io.WriteString(data, "new")
			require.NoError(t, err)
			if secure {
				closeBare(t, data)
			} else {
				data.Close()
			}
			time.Sleep(30 * time.Millisecond) // as long as a busy machine may take between the two
			closeTCP(t, c)
			wantOld(t, ts)
		})
	}
}

// Prepare of the upload runs while the server waits for news.
func TestPreparedDuringTheGrace(t *testing.T) {
	var prepared time.Time
	files := driver.Mem()
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.FS = files
		c := fs.ended(t, false, "STOR a")
		start := time.Now()
		after(t, time.Second+looking, func() { c.expect(226) })
		require.Equal(t, 600*time.Millisecond, prepared.Sub(start))
		require.Equal(t, "new", fs.readFile(t, "a"))
	}, preparing(files, func() error {
		time.Sleep(600 * time.Millisecond)
		prepared = time.Now()
		return nil
	}), func(srv *server.Server) { srv.EndGrace = time.Second })
}

// The failure of Prepare is a failure of the upload.
func TestPrepareFails(t *testing.T) {
	files := driver.Mem()
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.FS = files
		c := fs.ended(t, false, "STOR a")
		c.expect(552)
		require.Equal(t, "old", fs.readFile(t, "a"))
	}, preparing(files, func() error { return driver.ErrQuota }))
}

// preparing serves files whose uploads have a Prepare.
func preparing(files driver.FS, prepare func() error) func(*server.Server) {
	return func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, preparedFS{files, prepare}) }
}

type preparedFS struct {
	driver.FS
	prepare func() error
}

func (f preparedFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := f.FS.Store(ctx, name, opts)
	return preparedUpload{up, f.prepare}, err
}

type preparedUpload struct {
	driver.Upload
	prepare func() error
}

func (u preparedUpload) Prepare() error { return u.prepare() }

// An upload whose end nothing proves isn't committed while more commands wait than are
// read ahead: ABOR may be behind them.
func TestAbortBehindManyCommands(t *testing.T) {
	ts := start(t, insecure)
	for _, many := range []int{0, 31, 32, 200} {
		ts.writeFile(t, "f", "the old file")
		c := ts.loginClear(t)
		conn := c.open("STOR f")
		_, err := io.WriteString(conn, strings.Repeat("half", 20_000))
		require.NoError(t, err)
		c.write(strings.Repeat("NOOP\r\nSIZE f\r\n", many) + "ABOR\r\n")
		require.NoError(t, conn.Close())
		codes := make(map[int]int)
		for range 2*many + 2 {
			codes[c.expect(200, 213, 426, 226).Code]++
		}
		require.Equal(t, 1, codes[426], "STOR: %v", codes)
		require.Equal(t, 1, codes[226], "ABOR: %v", codes)
		require.Equal(t, "the old file", ts.readFile(t, "f"), many)
		c.cmd(221, "QUIT")
	}
}
