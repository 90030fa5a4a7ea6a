package server_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// limits is a policy of 100 kB per second down and 50 kB up, for two users; a third
// has none.
func limits(compress bool) []func(*server.Server) {
	limited := driver.Policy{DownloadRate: 100_000, UploadRate: 50_000}
	return []func(*server.Server){
		policies(map[string]driver.Policy{testUser: limited, "other": limited, "free": {}}),
		func(srv *server.Server) { srv.Compress, srv.EndGrace = compress, -1 }, // EndGrace would take time of its own
	}
}

// tolerance is how many seconds a limited transfer may be off: a burst and a piece
// too early, or a piece too late.
const tolerance = 0.3

// took demands that f takes so many seconds.
func took(t *testing.T, want float64, f func()) {
	t.Helper()
	start := time.Now()
	f()
	require.InDelta(t, want, time.Since(start).Seconds(), tolerance)
}

// Downloads take the time that their bytes need: in clear, where the kernel would
// send by itself, under TLS, as text, and compressed. So do uploads and listings.
func TestRates(t *testing.T) {
	const size = 1_000_000
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		for _, parameter := range []string{"TYPE I", "TYPE A", "MODE Z"} {
			t.Run(name+" "+parameter, func(t *testing.T) {
				fake(t, func(t *testing.T, fs *fakeServer) {
					fs.writeFile(t, "a", strings.Repeat("x", size))
					c := fs.in(t)
					if secure {
						c = fs.inTLS(t)
					}
					open := func(line string) io.ReadWriteCloser {
						data := fs.data(t, c, buffer)
						c.cmd(150, "%s", line)
						if secure {
							return c.dataTLS(data)
						}
						return data
					}
					c.cmd(200, "%s", parameter)
					data := open("RETR a")
					took(t, 10, func() {
						io.Copy(io.Discard, data)
						c.expect(226)
					})
					if parameter == "MODE Z" {
						return // the client here can't compress
					}
					data = open("STOR b")
					took(t, 20, func() {
						io.WriteString(data, strings.Repeat("y", size))
						data.Close()
						c.expect(226)
					})
					require.Equal(t, size, len(fs.readFile(t, "b")))
				}, limits(true)...)
			})
		}
	}
}

// A client sees a limited download go on several times a second, though TLS could
// gather far more than comes in that time.
func TestRateIsSmooth(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", strings.Repeat("x", 500_000))
		_, data := fs.opened(t, true, buffer, "RETR a")
		start := time.Now()
		for got := 0; got < 500_000; {
			n, err := data.Read(make([]byte, 4096))
			require.NoError(t, err)
			got += n
			require.InDelta(t, float64(got)/100_000, time.Since(start).Seconds(), tolerance)
			require.LessOrEqual(t, time.Since(start).Seconds(), max(0, float64(got)/100_000-0.1), "a piece was held back")
		}
	}, limits(false)...)
}

// Transfers of one account share its rate in turns. Another account has its own rate,
// and an account without a limit has none.
func TestRateIsShared(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", strings.Repeat("x", 1_000_000))
		login := func(from, user string) (*client, net.Conn) {
			c := fs.from(t, from)
			c.expect(220)
			as(c, user)
			data := fs.data(t, c, buffer)
			c.cmd(150, "RETR a")
			return c, data
		}
		c, data := login("198.51.100.1", "free")
		after(t, 0, func() {
			io.Copy(io.Discard, data)
			c.expect(226)
		})
		users := []string{testUser, testUser, testUser, "other"}
		done := make(chan time.Duration, len(users))
		for i, user := range users {
			_, data := login([]string{"198.51.100.2", "198.51.100.3", "203.0.113.4", "198.51.100.5"}[i], user)
			start := time.Now()
			go func() {
				io.Copy(io.Discard, data)
				done <- time.Since(start)
			}()
		}
		time.Sleep(5 * time.Second)
		for _, s := range fs.Sessions() {
			if s.User == testUser {
				require.InDelta(t, 500_000/3, s.Transferred, 100_000*tolerance)
			}
		}
		require.InDelta(t, 10, (<-done).Seconds(), tolerance)
		for range 3 {
			require.InDelta(t, 30, (<-done).Seconds(), 3*tolerance)
		}
	}, limits(false)...)
}

// The kernel sends a file in clear by pieces that are no larger than those of TLS.
func TestRateIsSharedEvenly(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 20_000_000), 0o644))
	fake(t, func(t *testing.T, fs *fakeServer) {
		for _, secure := range []bool{false, true} {
			_, data := fs.opened(t, secure, buffer, "RETR a")
			go io.Copy(io.Discard, data)
		}
		time.Sleep(5 * time.Second)
		for _, s := range fs.Sessions() {
			require.InEpsilon(t, 5_000_000, s.Transferred, 0.1)

		}
	}, inDir(t, dir), policies(map[string]driver.Policy{testUser: {DownloadRate: 2_000_000}}))
}

// A transfer that waits for its rate is aborted at once, lets the client send
// commands, and may wait for longer than DataTimeout. An account that has moved
// nothing for long has saved up no more than a moment. Small files one by one don't
// get around the rate.
func TestRateWaits(t *testing.T) {
	slow := policies(map[string]driver.Policy{testUser: {DownloadRate: 1, UploadRate: 1}})
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", strings.Repeat("x", 1000))
		c, data := fs.opened(t, false, buffer, "RETR a")
		go io.Copy(io.Discard, data)
		time.Sleep(10*time.Minute + time.Second/2) // longer than DataTimeout, which is one minute
		c.cmd(200, "NOOP")
		after(t, 0, func() { c.cmd(426, "ABOR") })
		c.expect(226)
		require.InDelta(t, 600, fs.lastTransfer(t).Bytes, 2)

		data = fs.data(t, c, buffer)
		c.cmd(150, "STOR b")
		io.WriteString(data, "a minute's worth")
		time.Sleep(10 * time.Second)
		after(t, 0, func() { c.cmd(426, "ABOR") })
		c.expect(226)
	}, slow)
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "small", strings.Repeat("x", 5000))
		c := fs.in(t)
		time.Sleep(time.Minute)
		took(t, 5, func() {
			for range 100 {
				data := fs.data(t, c, buffer)
				c.cmd(150, "RETR small")
				io.Copy(io.Discard, data)
				c.expect(226)
			}
		})
		took(t, 5, func() {
			for range 100 {
				data := fs.data(t, c, buffer)
				c.cmd(150, "STOR up")
				io.WriteString(data, strings.Repeat("y", 2500))
				data.Close()
				c.expect(226)
			}
		})
	}, limits(false)...)
}

// A listing counts as a download.
func TestRateOfListings(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i := range 5000 {
			fs.writeFile(t, strings.Repeat("n", 90)+string(rune('a'+i%26))+time.Duration(i).String(), "")
		}
		c, data := fs.opened(t, true, buffer, "NLST")
		start := time.Now()
		n, err := io.Copy(io.Discard, data)
		require.NoError(t, err)
		c.expect(226)
		require.InDelta(t, float64(n)/100_000, time.Since(start).Seconds(), 1) // the first chunk leaves at once
	}, limits(false)...)
}

// The rate follows the latest login, also for a transfer under way.
func TestRateChanges(t *testing.T) {
	rate := int64(1000)
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", strings.Repeat("x", 101_000))
		c, data := fs.opened(t, false, buffer, "RETR a")
		go io.Copy(io.Discard, data)
		took(t, 2, func() {
			time.Sleep(time.Second)
			synctest.Wait()
			rate = 100_000
			fs.in(t)
			c.expect(226)
		})
	}, downloadRateNow(&rate))
}

// Pieces of a file that the kernel sends join up.
func TestRateOfSystemFiles(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("0123456789abcde\n", 20_000)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte(content), 0o644))
	ts := start(t, insecure, inDir(t, dir), policies(map[string]driver.Policy{testUser: {DownloadRate: 2_000_000}}))
	c := ts.loginClear(t)
	require.Equal(t, content, c.get("RETR a"))
	c.cmd(350, "REST 5")
	require.Equal(t, content[5:], c.get("RETR a"))
	c.cmd(350, "RANG 5 123456")
	require.Equal(t, content[5:123457], c.get("RETR a"))
}

// Pieces of a file that the kernel sends take the time of the rate, too.
func TestRateOfSystemFilesInTime(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 1_000_000), 0o644))
	fake(t, func(t *testing.T, fs *fakeServer) {
		c, data := fs.opened(t, false, buffer, "RETR a")
		took(t, 10, func() {
			n, err := io.Copy(io.Discard, data)
			require.NoError(t, err)
			require.EqualValues(t, 1_000_000, n)
			c.expect(226)
		})
	}, inDir(t, dir), policies(map[string]driver.Policy{testUser: {DownloadRate: 100_000}}))
}

// A transfer that began without a rate gets the rate of a later login, in whatever
// form the transfer leaves.
func TestRateBegins(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 9_000_000), 0o644))
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			rate := int64(0)
			fake(t, func(t *testing.T, fs *fakeServer) {
				c, data := fs.opened(t, secure, buffer, "RETR a")
				synctest.Wait() // the connection is full
				rate = 500_000
				fs.in(t)
				start := time.Now()
				io.Copy(io.Discard, data)
				c.expect(226)
				require.Greater(t, time.Since(start), 5*time.Second) // after 4 MiB at once
			}, inDir(t, dir), downloadRateNow(&rate))
		})
	}
}

// downloadRateNow gives each login the rate of that moment.
func downloadRateNow(rate *int64) func(*server.Server) {
	return func(srv *server.Server) {
		one := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			account, err := one.Login(ctx, l)
			if err == nil {
				account.Policy.DownloadRate = *rate
			}
			return account, err
		})
	}
}

// A login for each small file does not get around the rate, neither in a session of
// its own nor by USER in the same session.
func TestRateOutlastsLogin(t *testing.T) {
	for name, again := range map[string]func(t *testing.T, fs *fakeServer, c *client) *client{
		"connection": func(t *testing.T, fs *fakeServer, c *client) *client {
			c.cmd(221, "QUIT")
			c.end()
			return fs.in(t)
		},
		"USER": func(_ *testing.T, _ *fakeServer, c *client) *client { return as(c, testUser) },
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				fs.writeFile(t, "small", strings.Repeat("x", 12_000))
				c := fs.in(t)
				took(t, 12_000*50/100_000, func() {
					for range 50 {
						data := fs.data(t, c, buffer)
						c.cmd(150, "RETR small")
						io.Copy(io.Discard, data)
						c.expect(226)
						c = again(t, fs, c)
					}
				})
			}, limits(false)...)
		})
	}
}

// Small listings take the time of their bytes, and nobody else pays for them later.
func TestRateOfSmallListings(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i := range 500 {
			fs.writeFile(t, strings.Repeat("n", 80)+time.Duration(i).String(), "")
		}
		c, other := fs.in(t), fs.in(t)
		n, start := int64(0), time.Now()
		for range 10 {
			data := fs.data(t, c, buffer)
			c.cmd(150, "NLST")
			k, err := io.Copy(io.Discard, data)
			require.NoError(t, err)
			n += k
			c.expect(226)
			require.InDelta(t, float64(n)/100_000, time.Since(start).Seconds(), tolerance)
		}
		fs.writeFile(t, "small", "x")
		took(t, 0, func() {
			data := fs.data(t, other, buffer)
			other.cmd(150, "RETR small")
			io.Copy(io.Discard, data)
			other.expect(226)
		})
	}, limits(false)...)
}

// The rate does not count the listing within the reply to STAT.
func TestRateIsNotOfReplies(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", "x")
		c := fs.in(t)
		after(t, 0, func() { c.cmd(213, "STAT /") })
	}, policies(map[string]driver.Policy{testUser: {DownloadRate: 1}}))
}

// What moves in another process slows transfers here down, so that both together keep to the rate. What moved there
// before this server was told of it the first time, or more than the rate allows, counts for no more than that.
func TestRatesElsewhere(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		fs.writeFile(t, "a", strings.Repeat("x", 1_000_000))
		c := fs.in(t)
		o := fs.Occupancy()
		require.Empty(t, o.Moved)
		var name string
		for name = range o.Accounts {
		}
		elsewhere := server.Moved{Sent: 1 << 40, Received: 1 << 40}
		tell := func() { fs.CountElsewhere(server.Occupancy{Moved: map[string]server.Moved{name: elsewhere}}) }
		tell()
		fetch := func() {
			data := fs.data(t, c, buffer)
			c.cmd(150, "RETR a")
			io.Copy(io.Discard, data)
			c.expect(226)
		}
		took(t, 10, fetch)
		require.Equal(t, map[string]server.Moved{name: {Sent: 1_000_000}}, fs.Occupancy().Moved)

		tell()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 10 {
				time.Sleep(time.Second)
				elsewhere.Sent += 40_000
				elsewhere.Received += 1 << 40 // more than can be
				tell()
			}
		}()
		took(t, 14, fetch) // ten seconds for its own bytes, and four for the others
		<-done
		data := fs.data(t, c, buffer)
		c.cmd(150, "STOR b")
		took(t, 5, func() { // what is owed for the last of these counts is over
			io.WriteString(data, strings.Repeat("x", 250_000))
			data.Close()
			c.expect(226)
		})
		fs.CountElsewhere(server.Occupancy{})
		took(t, 10, fetch)
	}, limits(false)...)
}
