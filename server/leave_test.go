package server_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/server"
)

// stuck lists calls of a driver that do not return, and what the client does to bring
// them about.
var stuck = map[string]struct {
	method string
	begin  func(t *testing.T, fs *fakeServer, c *client) // when it returns the call hangs
}{
	"Commit": {"Store.Commit", storing},
	"Close":  {"Store.Close", storing},
	"Write":  {"Store.Write", storing},
	"Store":  {"Store", storing},
	"Read": {"Open.Read", func(t *testing.T, fs *fakeServer, c *client) {
		fs.data(t, c, buffer)
		c.cmd(150, "RETR a")
	}},
	"Close of a download": {"Open.Close", func(t *testing.T, fs *fakeServer, c *client) {
		data := fs.data(t, c, buffer)
		c.cmd(150, "RETR a")
		require.Equal(t, "old", readAll(t, data))
	}},
	"List": {"List.Next", func(t *testing.T, fs *fakeServer, c *client) {
		fs.data(t, c, buffer)
		c.cmd(150, "LIST")
	}},
	"ReadLink of LIST": {"ReadLink", func(t *testing.T, fs *fakeServer, c *client) {
		fs.data(t, c, buffer)
		c.cmd(150, "LIST")
	}},
	"Commit of APPE":           {"Store.Commit", storingBy("APPE a")},
	"Close of APPE":            {"Store.Close", storingBy("APPE a")},
	"Commit of STOU":           {"Store.Commit", storingBy("STOU new")},
	"Close of STOU":            {"Store.Close", storingBy("STOU new")},
	"Commit of CPTO":           {"Store.Commit", copying},
	"Close of CPTO":            {"Store.Close", copying},
	"Close of what CPTO reads": {"Open.Close", copying},
	"Close of COMB":            {"Store.Close", func(t *testing.T, _ *fakeServer, c *client) { c.send("COMB new a") }},
	"Close of what COMB reads": {"Open.Close", func(t *testing.T, _ *fakeServer, c *client) { c.send("COMB new a") }},
	"Close of HASH":            {"Open.Close", func(t *testing.T, _ *fakeServer, c *client) { c.send("HASH a") }},
	"Close of XCRC":            {"Open.Close", func(t *testing.T, _ *fakeServer, c *client) { c.send("XCRC a") }},
	"Commit of COMB":           {"Store.Commit", func(t *testing.T, _ *fakeServer, c *client) { c.send("COMB new a") }},
	"Read of HASH":             {"Open.Read", func(t *testing.T, _ *fakeServer, c *client) { c.send("HASH a") }},
}

// storing is an upload whose end is proven.
func storing(t *testing.T, fs *fakeServer, c *client) { storingBy("STOR a")(t, fs, c) }

func storingBy(line string) func(t *testing.T, fs *fakeServer, c *client) {
	return func(t *testing.T, fs *fakeServer, c *client) {
		c.cmd(200, "ALLO 3")
		data := fs.data(t, c, buffer)
		c.cmd(150, "%s", line)
		io.WriteString(data, "new")
		require.NoError(t, data.Close())
	}
}

func copying(_ *testing.T, _ *fakeServer, c *client) {
	c.cmd(350, "SITE CPFR a")
	c.send("SITE CPTO b")
}

// leaving lists the ways to end a session from outside, and what the client hears of
// each.
var leaving = map[string]func(t *testing.T, fs *fakeServer, c *client){
	"ABOR": func(t *testing.T, _ *fakeServer, c *client) {
		c.send("ABOR")
		c.expect(421) // never 226: nobody knows what becomes of the file
		c.end()
	},
	"QUIT": func(t *testing.T, _ *fakeServer, c *client) {
		c.send("QUIT")
		c.expect(421)
		c.end()
	},
	"killed":                 func(t *testing.T, _ *fakeServer, c *client) { c.Conn.Close() },
	"killed after a command": func(t *testing.T, _ *fakeServer, c *client) { c.send("PWD"); synctest.Wait(); c.Conn.Close() },
	"killed after a good few": func(t *testing.T, _ *fakeServer, c *client) {
		for range 20 {
			c.send("PWD")
		}
		synctest.Wait()
		c.Conn.Close()
	},
	"Shutdown": func(t *testing.T, fs *fakeServer, c *client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, fs.Shutdown(ctx), context.DeadlineExceeded)
	},
}

// A driver that does not return from a call without a context holds up no session for
// ever: the session ends, and no longer counts. What the driver holds is released
// when it returns, and nobody says 226 before.
func TestSessionLeavesDriver(t *testing.T) {
	for name, st := range stuck {
		for how, leave := range leaving {
			if how == "QUIT" && name == "Read of HASH" {
				continue // work without a data connection may take long, and tells nothing meanwhile
			}
			t.Run(name+" "+how, func(t *testing.T) {
				var release chan struct{}
				var held *drivertest.FaultyFS
				fake(t, func(t *testing.T, fs *fakeServer) {
					release = make(chan struct{})
					fs.writeFile(t, "a", "old")
					c := fs.in(t)
					st.begin(t, fs, c)
					synctest.Wait()
					leave(t, fs, c)
					time.Sleep(time.Minute)
					synctest.Wait()
					require.Empty(t, fs.Sessions())
					require.Zero(t, fs.Passive.Stats().Leases)
					close(release)
					synctest.Wait()
					require.Empty(t, held.Held())
					fs.mu.Lock()
					defer fs.mu.Unlock()
					require.Len(t, fs.ends, 1, "one end of the session is reported")
					require.LessOrEqual(t, len(fs.transfers), 1)
				}, func(srv *server.Server) {
					wrapFiles(srv, func(files driver.FS) driver.FS {
						held = faulty(files, st.method, func(context.Context) error {
							<-release
							return nil
						})
						return held
					})
				})
			})
		}
	}
}

// The session waits for a driver that takes its time at the end of an upload: the
// client hears what became of its file, whatever it asked meanwhile.
func TestSlowCommit(t *testing.T) {
	for verb, after := range map[string][]int{"NOOP": {200, 226}, "ABOR": {226, 226}, "QUIT": {226, 221}} {
		t.Run(verb, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c := fs.in(t)
				storing(t, fs, c)
				synctest.Wait()
				c.send("%s", verb)
				c.expect(after[0])
				c.expect(after[1])
				require.Equal(t, "new", fs.readFile(t, "a"))
				require.NoError(t, fs.lastTransfer(t).Err)
			}, func(srv *server.Server) {
				wrapFiles(srv, func(files driver.FS) driver.FS {
					return drivertest.Faulty(files, drivertest.Fault{Method: "Store.Commit", Do: func(context.Context) error {
						time.Sleep(4 * time.Second)
						return nil
					}})
				})
			})
		})
	}
}

// QUIT lets a transfer finish (RFC 959, section 4.1.1), however slow the client or
// the driver is, as long as the driver moves on.
func TestQuitAwaitsSlowTransfers(t *testing.T) {
	const pause = 9 * time.Second
	slowly := func(t *testing.T, data io.ReadWriter) {
		for range 3 {
			time.Sleep(2 * pause)
			_, err := io.ReadFull(data, make([]byte, buffer))
			require.NoError(t, err)
		}
		_, err := io.Copy(io.Discard, data)
		require.NoError(t, err)
	}
	for name, c := range map[string]struct {
		line, slow string
		move       func(t *testing.T, data io.ReadWriter)
	}{
		"client of RETR": {"RETR big", "", slowly},
		"client of LIST": {"LIST", "", slowly},
		"client of STOR": {"STOR a\r\nQUIT", "", func(t *testing.T, data io.ReadWriter) {
			for range 3 {
				time.Sleep(2 * pause)
				_, err := io.WriteString(data, "x")
				require.NoError(t, err)
			}
		}},
		"Read": {"RETR big", "Open.Read", func(t *testing.T, data io.ReadWriter) {
			_, err := io.Copy(io.Discard, data)
			require.NoError(t, err)
		}},
		"Write": {"STOR a\r\nQUIT", "Store.Write", func(t *testing.T, data io.ReadWriter) {
			_, err := data.Write(make([]byte, 3<<20))
			require.NoError(t, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				fs.writeFile(t, "big", strings.Repeat("x", 8*buffer))
				for i := range 4000 {
					fs.writeFile(t, fmt.Sprintf("%0100d", i), "")
				}
				ctl, data := fs.opened(t, false, buffer, c.line)
				if !strings.Contains(c.line, "QUIT") {
					ctl.send("QUIT") // during an upload QUIT means giving up unless it was sent ahead
				}
				synctest.Wait()
				c.move(t, data)
				require.NoError(t, data.Close())
				ctl.expect(226)
				ctl.expect(221)
			}, func(srv *server.Server) {
				if c.slow == "" {
					return
				}
				wrapFiles(srv, func(files driver.FS) driver.FS {
					return drivertest.Faulty(files, drivertest.Fault{Method: c.slow, Do: func(context.Context) error {
						time.Sleep(pause)
						return nil
					}})
				})
			})
		})
	}
}

// A complete upload is kept though its client hangs up, even if the driver takes
// several seconds to commit.
func TestSlowCommitOutlivesClient(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		storing(t, fs, c)
		synctest.Wait()
		c.Conn.Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "new", fs.readFile(t, "a"))
		require.NoError(t, fs.lastTransfer(t).Err)
		require.Empty(t, fs.Sessions())
	}, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS {
			return drivertest.Faulty(files, drivertest.Fault{Method: "Store.Commit", Do: func(ctx context.Context) error {
				select {
				case <-time.After(8 * time.Second):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}})
		})
	})
}

// When the control connection is gone, a download goes on as long as its client
// reads. It ends when nothing has moved for five seconds, ten at most.
func TestClientGoneAndDataMoves(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", strings.Repeat("x", 10<<20))
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "RETR a")
		c.Conn.Close()
		for range 20 {
			time.Sleep(time.Second)
			_, err := io.ReadFull(data, make([]byte, 3*buffer))
			require.NoError(t, err)
		}
		synctest.Wait()
		require.Len(t, fs.Sessions(), 1, "the data moves")
		time.Sleep(12 * time.Second)
		synctest.Wait()
		require.Empty(t, fs.Sessions())
	})
}

// If nothing moves when the control connection ends, the session ends five seconds
// later.
func TestClientGoneAndNothingMoves(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", strings.Repeat("x", 10<<20))
		c := fs.in(t)
		fs.data(t, c, buffer)
		c.cmd(150, "RETR a")
		time.Sleep(time.Second)
		c.Conn.Close()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		require.Empty(t, fs.Sessions())
	})
}

// A driver's context ends when the client is gone, however much the client has sent
// before and whatever the driver is doing.
func TestContextEndsThoughMoreWasSent(t *testing.T) {
	for _, f := range faults {
		if f.method == "Size" || f.method == "Login" || f.method == "ReadLink" {
			continue // these calls have no context, or come before any command can be sent
		}
		t.Run(f.method+" "+f.line, func(t *testing.T) {
			t.Parallel() // each takes seconds of real time
			hanging := make(chan struct{}, 10)
			ts, c, files := play(t, f.method, f.line, func(ctx context.Context) error {
				hanging <- struct{}{}
				return drivertest.Hang(ctx)
			})
			wait(t, hanging)
			c.write("PWD\r\nNOOP\r\nSYST\r\n")
			c.Conn.Close()
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
			require.Empty(t, files.Held())
			require.Equal(t, "old", ts.readFile(t, "a"))
		})
	}
}

// A hook that panics when it is told of 150 leaks neither the file nor the data port.
func TestHookPanicsAt150(t *testing.T) {
	for _, line := range []string{"RETR a", "STOR b", "LIST"} {
		t.Run(line, func(t *testing.T) {
			ts, c, files := play(t, "Mkdir", line, drivertest.Hang, func(srv *server.Server) {
				srv.Hooks = &server.Hooks{Reply: func(_ server.SessionInfo, r server.Reply) {
					if r.Code == 150 {
						panic("boom")
					}
				}}
			})
			require.Equal(t, 421, c.final().Code)
			c.end()
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
			require.Empty(t, files.Held())
			require.Zero(t, ts.Passive.Stats().Leases)
		})
	}
}

// A driver that says 421 ends the session (RFC 959, section 4.2.2).
func TestDriverSays421(t *testing.T) {
	for _, f := range faults {
		if f.method == "Size" || f.line == "RNFR a" || f.method == "Store.Close" {
			continue
		}
		t.Run(f.method+" "+f.line, func(t *testing.T) {
			ts, c, _ := play(t, f.method, f.line, drivertest.Fail(&driver.Error{Code: 421, Text: "Closed for the night."}))
			require.Equal(t, "421 Closed for the night.", c.final().String())
			c.end()
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
		})
	}
}

// A driver that says 421 ends the session also by a call whose other failures are
// dropped.
func TestDriverSays421Aside(t *testing.T) {
	closed := &driver.Error{Code: 421, Text: "Closed for the night."}
	want := func(t *testing.T, ts *testServer, c *client) {
		require.Equal(t, "421 Closed for the night.", c.final().String())
		c.end()
		eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
	}
	for _, f := range []struct{ method, line string }{
		{"Open.Close", "RETR a"}, {"Open.Close", "HASH a"}, {"Open.Close", "XCRC a"}, {"Open.Close", "COMB b a"},
		{"ReadLink", "STAT /"}, {"ReadLink", "RNFR nothing"},
	} {
		t.Run(f.method+" "+f.line, func(t *testing.T) {
			ts, c, _ := play(t, f.method, f.line, drivertest.Fail(closed))
			want(t, ts, c)
		})
	}
	for method, line := range map[string]string{"CheckOp": "MLSD", "CheckOp of MLST": "MLST a", "RemoveSame": "COMB b a", "Stat": "SITE CPTO b"} {
		t.Run(method+" "+line, func(t *testing.T) {
			ts := start(t, insecure, func(srv *server.Server) {
				wrapFiles(srv, func(files driver.FS) driver.FS { return closingFS{files, strings.Fields(method)[0], closed} })
			})
			ts.writeFile(t, "a", "old")
			c := ts.loginClear(t)
			c.dataTCP(c.pasv())
			if strings.HasPrefix(line, "SITE") {
				c.cmd(350, "SITE CPFR a")
			}
			c.send("%s", line)
			want(t, ts, c)
		})
	}
}

// closingFS returns an error with 421 from one of its methods; from Stat only for the
// name b.
type closingFS struct {
	driver.FS
	method string
	closed error
}

func (f closingFS) CheckOp(context.Context, driver.Op, string) error {
	if f.method == "CheckOp" {
		return f.closed
	}
	return nil
}

func (f closingFS) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	if f.method == "RemoveSame" {
		return f.closed
	}
	return driver.RemoveSame(ctx, f.FS, name, info)
}

func (f closingFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if f.method == "Stat" && name == "b" {
		return nil, f.closed
	}
	return f.FS.Stat(ctx, name)
}
