package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/server"
)

// wholeOnly is an FS that writes files whole, as object storage does.
type wholeOnly struct{ *driver.MemFS }

func (f wholeOnly) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	if opts.Append || opts.Offset > 0 {
		return errors.ErrUnsupported
	}
	return f.MemFS.CheckStore(ctx, name, opts)
}

// An upload that can't succeed is refused before 150: most clients hear nothing
// once they send.
func TestRefusedBefore150(t *testing.T) {
	full := func(files driver.FS) driver.FS {
		l, err := driver.Limit(context.Background(), files, driver.Quota{Bytes: 3})
		require.NoError(t, err)
		return l
	}
	for _, tt := range []struct {
		name string
		wrap func(driver.FS) driver.FS
		code int
		line []string
	}{
		{"read-only", driver.WithoutWrites, 550, []string{"STOR new", "STOR a", "APPE a", "STOU"}},
		{"no parent", nil, 550, []string{"STOR missing/new", "APPE missing/new", "STOR a/new"}},
		{"directory", nil, 550, []string{"STOR d", "APPE d"}},
		{"quota", full, 552, []string{"STOR new", "STOR a", "APPE a", "STOU"}},
		{"object storage", func(files driver.FS) driver.FS { return wholeOnly{files.(*driver.MemFS)} }, 504, []string{"APPE a"}},
		{"mounted", func(files driver.FS) driver.FS {
			m, err := driver.Mount(map[string]driver.FS{".": files, "read": driver.WithoutWrites(driver.Mem())})
			require.NoError(t, err)
			return m
		}, 550, []string{"STOR read/new", "STOR read"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ts := start(t, insecure, func(srv *server.Server) {
				files := driver.Mem()
				require.NoError(t, files.Mkdir(t.Context(), "d"))
				writeFile(t, files, "a", "old")
				if tt.wrap != nil {
					srv.Driver = driver.User(testUser, testPassword, tt.wrap(files))
				} else {
					srv.Driver = driver.User(testUser, testPassword, files)
				}
			})
			c := ts.loginClear(t)
			c.cmd(425, "%s", tt.line[0])
			for _, line := range tt.line {
				c.cmd(227, "PASV")
				c.cmd(tt.code, "%s", line)
				require.Error(t, ts.lastTransfer(t).Err, "operators hear of it")
			}
			if tt.code == 504 {
				c.cmd(350, "REST 2")
				c.cmd(227, "PASV")
				c.cmd(504, "STOR a")
				c.put("new", "STOR a")
			}
			require.Contains(t, []string{"old", "new"}, c.get("RETR a"))
		})
	}
}

// The data connection is checked first. Commands that come before 150 are answered
// afterwards: 150 is the first reply to STOR.
func TestNothingOvertakes150(t *testing.T) {
	for _, method := range []string{"CheckStore", "Open", "List"} {
		t.Run(method, func(t *testing.T) {
			hanging, release := make(chan struct{}, 1), make(chan struct{})
			line := map[string]string{"CheckStore": "STOR new", "Open": "RETR a", "List": "LIST"}[method]
			_, c, _ := play(t, method, line, func(context.Context) error {
				hanging <- struct{}{}
				<-release
				return nil
			})
			wait(t, hanging)
			c.write("NOOP\r\nSTAT\r\n")
			time.Sleep(30 * time.Millisecond) // time for the attendant to hear them; otherwise the test shows less
			close(release)
			require.Equal(t, 150, c.expect(150, 200, 211).Code)
			seen := map[int]bool{}
			for range 3 { // each comes when it is done, so in any order
				seen[c.expect(200, 211, 226).Code] = true
			}
			require.Len(t, seen, 3)
		})
	}
}

// fullAfter serves files whose uploads run out of space after so many bytes.
func fullAfter(n int) func(*server.Server) {
	return func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS {
			l, err := driver.Limit(context.Background(), files, driver.Quota{Bytes: int64(n)})
			if err != nil {
				panic(err)
			}
			return l
		})
	}
}

// An upload that is refused in the middle lets the client send the rest, and ends
// in order: a client that hears nothing before it has sent all finds the reply.
func TestRefusedInTheMiddle(t *testing.T) {
	for _, inClear := range []bool{true, false} {
		for _, size := range []int{100_000, 3 << 20} {
			t.Run(fmt.Sprintf("clear %v, %d bytes", inClear, size), func(t *testing.T) {
				ts := start(t, insecure, fullAfter(50_000))
				c := ts.loginClear(t)
				if !inClear {
					c = ts.login(t)
				}
				data := c.open("STOR big")
				_, err := io.WriteString(data, strings.Repeat("x", size))
				require.NoError(t, err)
				closeWrite(data)
				require.Empty(t, readAll(t, data), "the end of the connection is in order")
				c.expect(552)
				c.put("small", "STOR small")
				_, err = ts.FS.Stat(t.Context(), "big")
				require.ErrorIs(t, err, fs.ErrNotExist)
			})
		}
	}
}

// The client may send the rest of a refused upload also when the session ends with
// the refusal, by a driver that says 421 or by a QUIT that came during the upload.
// A client whose connection is reset while it sends would never show the reply.
func TestRefusedAtTheEndOfTheSession(t *testing.T) {
	closing := func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS {
			return drivertest.Faulty(files, drivertest.Fault{Method: "Store", Call: 1,
				Do: drivertest.Fail(&driver.Error{Code: 421, Text: "Closed for the night."})})
		})
	}
	for name, tt := range map[string]struct {
		option func(*server.Server)
		during string
		codes  []int
	}{
		"421":  {closing, "", []int{421}},
		"QUIT": {fullAfter(50_000), "QUIT", []int{552, 221}},
	} {
		for _, inClear := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, clear %v", name, inClear), func(t *testing.T) {
				ts := start(t, insecure, tt.option)
				login := map[bool]func(testing.TB) *client{true: ts.loginClear, false: ts.login}[inClear]
				c := login(t)
				data := c.open("STOR big")
				if tt.during != "" {
					c.send("%s", tt.during)
				}
				for range 30 {
					_, err := io.WriteString(data, strings.Repeat("x", 100<<10))
					require.NoError(t, err)
					time.Sleep(time.Millisecond) // time for the session to end; otherwise the test shows less
				}
				closeWrite(data)
				require.Empty(t, readAll(t, data), "the end of the connection is in order")
				for _, code := range tt.codes {
					c.expect(code)
				}
				c.end()
				eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 0 })
			})
		}
	}
}

// A session that ends after a refused upload waits for the rest of it within the
// same bound. The client's end or Close ends the wait.
func TestRefusedSessionIsBounded(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *fakeServer, *client, net.Conn){
		"never":  func(*testing.T, *fakeServer, *client, net.Conn) { time.Sleep(20 * time.Second) },
		"client": func(_ *testing.T, _ *fakeServer, _ *client, data net.Conn) { data.Close() },
		"Close":  func(t *testing.T, fs *fakeServer, _ *client, _ net.Conn) { require.NoError(t, fs.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c := fs.in(t)
				data := fs.data(t, c, buffer)
				c.cmd(150, "STOR big")
				c.send("QUIT")
				synctest.Wait()
				data.Write(make([]byte, 1000))
				c.expect(552)
				c.expect(221)
				synctest.Wait()
				require.Len(t, fs.Sessions(), 1)
				end(t, fs, c, data)
				synctest.Wait()
				require.Empty(t, fs.Sessions())
			}, fullAfter(500))
		})
	}
}

// A session that has refused nothing waits for nothing at its end, nor does one whose client
// is gone.
func TestRefusedNobodyWaits(t *testing.T) {
	for name, end := range map[string]func(c *client){
		"QUIT": func(c *client) { c.cmd(221, "QUIT") },
		"gone": func(c *client) { c.Conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c := fs.in(t)
				if name == "gone" {
					data := fs.data(t, c, buffer)
					defer data.Close()
					c.cmd(150, "STOR big")
					data.Write(make([]byte, 1000))
					c.expect(552)
				}
				end(c)
				synctest.Wait()
				require.Empty(t, fs.Sessions())
			}, fullAfter(500))
		})
	}
}

// The reply doesn't wait for the rest of a refused upload. A client that waits for
// the server's end of the connection gets that end.
func TestRefusedAndWaiting(t *testing.T) {
	t.Parallel()
	for _, inClear := range []bool{true, false} {
		ts := start(t, insecure, fullAfter(50_000))
		c := ts.loginClear(t)
		if !inClear {
			c = ts.login(t)
		}
		data := c.open("STOR big")
		_, err := io.WriteString(data, strings.Repeat("x", 300_000))
		require.NoError(t, err)
		c.expect(552)
		require.Empty(t, readAll(t, data))
		require.Equal(t, "", c.get("NLST"), "the session goes on")
		data.Close()
	}
}

// A client that sends the rest of a refused upload for ever is cut off in the end.
func TestRefusedForEver(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR big")
		over := make(chan time.Duration, 1)
		start := time.Now()
		go func() {
			for {
				if _, err := data.Write(make([]byte, 1000)); err != nil {
					over <- time.Since(start)
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
		c.expect(552)
		spent := <-over
		require.GreaterOrEqual(t, spent, 10*time.Second)
		require.Less(t, spent, 40*time.Second)
		c.cmd(200, "NOOP")
	}, fullAfter(500))
}

// A client that sends too much after a refused upload is cut off without any time
// having passed.
func TestRefusedAtLength(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR big")
		sent := make(chan int, 1)
		go func() {
			n, piece := 0, make([]byte, 64<<10)
			for n < 64<<20 {
				m, err := data.Write(piece)
				if n += m; err != nil {
					break
				}
			}
			sent <- n
		}()
		after(t, 0, func() {
			c.expect(552)
			n := <-sent
			require.Greater(t, n, 16<<20)
			require.Less(t, n, 18<<20)
		})
		c.cmd(200, "NOOP")
	}, fullAfter(500))
}

// A session has one connection of a refused upload at a time, and the next upload
// does not wait for the end of that connection.
func TestRefusedTwice(t *testing.T) {
	t.Parallel()
	ts := start(t, insecure, fullAfter(1000))
	c := ts.loginClear(t)
	var open []net.Conn
	for range 3 {
		data := c.open("STOR big")
		_, err := io.WriteString(data, strings.Repeat("x", 300_000))
		require.NoError(t, err)
		c.expect(552)
		open = append(open, data)
	}
	for _, data := range open[:2] {
		_, err := io.ReadAll(data)
		_ = err // an end of any kind
	}
	require.Empty(t, readAll(t, open[2]))
	c.cmd(221, "QUIT")
}

// A directory that can't be listed is refused before 150. A listing that fails
// later shows the entries before the failure, ends in order and has its reply.
func TestListingFails(t *testing.T) {
	for _, mode := range []string{"MODE S", "MODE Z"} {
		for _, verb := range []string{"LIST", "NLST", "MLSD"} {
			ts := start(t, insecure, compress, func(srv *server.Server) {
				wrapFiles(srv, func(files driver.FS) driver.FS {
					return drivertest.Faulty(files, drivertest.Fault{Method: "List", Call: 1, Do: drivertest.Fail(fs.ErrPermission)},
						drivertest.Fault{Method: "List.Next", Call: 3, Do: drivertest.Fail(fs.ErrPermission)})
				})
			})
			for _, name := range []string{"a", "b", "c"} {
				ts.writeFile(t, name, "x")
			}
			c := ts.login(t)
			c.cmd(200, "%s", mode)
			content := func(data string) string {
				if mode == "MODE Z" {
					return inflated(t, data)
				}
				return data
			}
			c.cmd(227, "PASV")
			c.cmd(550, "%s", verb)
			shown := content(readAll(t, c.open("%s", verb)))
			c.expect(550)
			require.Equal(t, 2, strings.Count(shown, "\r\n"), "%s", shown)
			require.Equal(t, 3, strings.Count(content(c.get("%s", verb)), "\r\n"))
		}
	}
}

// A listing whose driver panics does not end in order, lest a client take the
// entries for all.
func TestListingPanics(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS {
			return drivertest.Faulty(files, drivertest.Fault{Method: "List.Next", Call: 2, Do: drivertest.Panic("a bug")})
		})
	})
	ts.writeFile(t, "a", "x")
	ts.writeFile(t, "b", "x")
	for _, verb := range []string{"LIST", "NLST", "MLSD"} {
		c := ts.login(t)
		data := c.dataTCP(c.pasv())
		c.send("%s", verb)
		if c.expect(150, 421).Code == 421 {
			continue // the panic came before 150, and nothing is listed
		}
		_, err := io.ReadAll(c.dataTLS(data))
		require.Error(t, err, "close_notify says that the listing is whole")
		c.expect(421)
	}
}

// 150 waits for the first entry no longer than two seconds, and an empty
// directory needs none.
func TestListingIsSlow(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		data := fs.data(t, c, buffer)
		after(t, 2*time.Second, func() { c.cmd(150, "LIST") })
		require.Contains(t, readAll(t, data), " a\r\n")
		c.expect(226)

		data = fs.data(t, c, buffer)
		after(t, 2*time.Second, func() { c.cmd(150, "NLST") })
		data.Close()
		c.expect(426)
	}, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS {
			writeFile(t, files, "a", "x")
			return drivertest.Faulty(files, drivertest.Fault{Method: "List", Do: func(ctx context.Context) error {
				time.Sleep(5 * time.Second)
				return nil
			}})
		})
	})
}

// A user whose quota is full can write over a file in place, as the quota counts only what is there.
func TestOverwrittenInPlaceWhenFull(t *testing.T) {
	files, err := driver.OpenDir(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	files.Uploads = driver.InPlace
	writeFile(t, files, "a", "old")
	limited, err := driver.Limit(t.Context(), files, driver.Quota{Bytes: 3})
	require.NoError(t, err)
	c := start(t, insecure, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, limited) }).loginClear(t)
	c.put("new", "STOR a")
	c.cmd(350, "REST 1")
	c.put("ow", "STOR a")
	require.Equal(t, "now", c.get("RETR a"))
	for _, line := range []string{"STOR b", "APPE a"} {
		c.cmd(227, "PASV")
		c.cmd(552, "%s", line)
	}
}
