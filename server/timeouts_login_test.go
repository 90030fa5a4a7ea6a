package server_test

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// refused demands the reply to a wrong password after so long.
func (c *client) refused(want time.Duration, code int, user string) reply {
	c.t.Helper()
	c.cmd(331, "USER %s", user)
	var r reply
	after(c.t, want, func() { r = c.cmd(code, "PASS wrong") })
	return r
}

// connected returns a client that has read the greeting.
func (fs *fakeServer) connected(t testing.TB, addr string) *client {
	t.Helper()
	c := fs.from(t, addr)
	c.expect(220)
	return c
}

// Rows 29 and 45: the delay grows with each refusal, reconnecting does not lift
// it, and other users and other addresses do not feel it.
func TestFailedLoginDelay(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.connected(t, "198.51.100.7")
		c.refused(0, 530, testUser)
		c.refused(500*time.Millisecond, 530, testUser)
		c.refused(time.Second, 421, testUser)
		c.end()

		c = fs.connected(t, "198.51.100.7")
		c.refused(2*time.Second, 530, strings.ToUpper(testUser)) // the same user to some backends
		c.refused(4*time.Second, 530, testUser)
		c.refused(8*time.Second, 421, testUser)
		c = fs.connected(t, "198.51.100.7")
		c.refused(8*time.Second, 530, testUser)
		c.refused(0, 530, "bob")
		fs.connected(t, "198.51.100.8").refused(0, 530, testUser)

		time.Sleep(10*time.Minute + 1)
		fs.connected(t, "198.51.100.7").refused(0, 530, testUser)
	}, func(srv *server.Server) { srv.IdleTimeout = -1 })
}

// Row 45: hanging up before the answer gains no guess. A session whose login
// still waits ends with its connection.
func TestGuessAndHangUp(t *testing.T) {
	var judged atomic.Int32
	fake(t, func(t *testing.T, fs *fakeServer) {
		began := time.Now()
		for time.Since(began) < 30*time.Second {
			c := fs.connected(t, "198.51.100.7")
			c.cmd(331, "USER %s", testUser)
			c.send("PASS wrong")
			time.Sleep(time.Millisecond)
			c.Conn.(patient).CloseWrite()
			time.Sleep(99 * time.Millisecond)
			require.Empty(t, fs.Sessions())
		}
		// Guesses are judged at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 23.5 seconds, or a
		// moment later.
		require.EqualValues(t, 7, judged.Load())
	}, count(&judged))
}

// count has the server's driver count the logins that it is asked about.
func count(asked *atomic.Int32) func(*server.Server) {
	return func(srv *server.Server) {
		within := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			asked.Add(1)
			return within.Login(ctx, l)
		})
	}
}

// A network has ten refusals a second for all users together, and no network
// waits for another.
func TestNetworkDelay(t *testing.T) {
	var judged atomic.Int32
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i := range 100 {
			c := fs.connected(t, "198.51.100.7")
			c.cmd(331, "USER u%d", i)
			c.send("PASS wrong")
		}
		time.Sleep(time.Millisecond)
		require.EqualValues(t, 2, judged.Load())
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 22, judged.Load())

		c := fs.connected(t, "198.51.100.8")
		after(t, 0, c.login)
	}, count(&judged))
}

// A user who logged in from an address within a day does not wait for the refusals
// of others there, and waits less for those of a program with the user's old
// password.
func TestKnownUserPassesNetworkDelay(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		login := func(addr string, want time.Duration) {
			c := fs.connected(t, addr)
			after(t, want, c.login)
		}
		flood := func(user string) {
			for i := range 100 {
				c := fs.connected(t, "198.51.100.7")
				c.cmd(331, "USER %s", strings.ReplaceAll(user, "#", strconv.Itoa(i)))
				c.send("PASS wrong")
			}
			time.Sleep(time.Second / 20)
		}
		login("198.51.100.7", 0)
		time.Sleep(23 * time.Hour)
		flood("u#")
		login("198.51.100.7", 0)
		time.Sleep(25 * time.Hour)
		flood("u#")
		login("198.51.100.7", time.Second/20) // the address has ten refusals a second

		time.Sleep(time.Hour)
		for i := range 5 { // a program with an old password
			c := fs.connected(t, "198.51.100.7")
			c.refused(min(time.Duration(i)*500*time.Millisecond, time.Second), 530, testUser)
		}
		login("198.51.100.7", time.Second)
	})
}

// An IPv6 network of 64 bits counts as one address, because its owner has all 2^64
// addresses (row 56).
func TestFailedLoginDelayIPv6(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i, addr := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"} {
			fs.connected(t, addr).refused(time.Duration(i)*500*time.Millisecond, 530, testUser)
		}
		fs.connected(t, "2001:db8:0:1::1").refused(0, 530, testUser)
	})
}

// Row 28: an unknown user gets the same reply as a known one, after the same delay.
// The time that the comparison of the password takes is the driver's matter.
func TestUnknownUserLooksTheSame(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		answers := func(addr, user string) (all []string) {
			c := fs.from(t, addr)
			c.expect(220)
			for i, code := range []int{530, 530, 421} {
				all = append(all, c.cmd(331, "USER %s", user).String())
				after(t, time.Duration(i)*500*time.Millisecond, func() { all = append(all, c.cmd(code, "PASS wrong").String()) })
			}
			c.end()
			return all
		}
		require.Equal(t, answers("198.51.100.7", testUser), answers("198.51.100.8", "nobody"))
	})
}

// An error that is not ErrLogin looks no different to the client, and counts as no
// guess anywhere.
func TestOutageIsNoGuess(t *testing.T) {
	var out atomic.Bool
	outage := func(srv *server.Server) {
		within := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			if out.Load() {
				return nil, context.DeadlineExceeded
			}
			return within.Login(ctx, l)
		})
	}
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.connected(t, "198.51.100.7")
		out.Store(true)
		for range 5 {
			r := c.refused(0, 530, testUser)
			require.Equal(t, "530 Login incorrect.", r.String())
		}
		require.Contains(t, fs.Log.String(), "deadline exceeded")
		out.Store(false)
		c.refused(0, 530, testUser)
		c.refused(500*time.Millisecond, 530, testUser)
	}, outage)
}

func TestMaxLoginFailures(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.connected(t, "198.51.100.7")
		c.refused(0, 421, testUser)
		c.end()
	}, func(srv *server.Server) { srv.MaxLoginFailures = 1 })
}

// A new login name, AUTH or REIN does not lift the count of a session.
func TestLoginFailuresStay(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.connected(t, "198.51.100.7")
		c.refused(0, 530, "bob")
		c.authTLS()
		c.refused(0, 530, "carol")
		c.cmd(220, "REIN")
		c.refused(100*time.Millisecond, 421, "dave")
		c.end()
	})
}

// Shutdown does not wait for a delay.
func TestShutdownEndsDelay(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.connected(t, "198.51.100.7")
		c.refused(0, 530, "x")
		c.cmd(331, "USER x")
		c.send("PASS wrong")
		time.Sleep(time.Millisecond)
		after(t, 0, func() { require.NoError(t, fs.Shutdown(t.Context())) })
		c.expect(421)
		c.end()
	})
}

// Row 46: however many log in, the driver judges few logins at once. A new user
// waits for one of these, not for the hundreds who failed before.
func TestLoginsAtOnce(t *testing.T) {
	var judging, most atomic.Int32
	slow := func(srv *server.Server) {
		srv.MaxLogins = 3
		within := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			if n := judging.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer judging.Add(-1)
			time.Sleep(100 * time.Millisecond)
			return within.Login(ctx, l)
		})
	}
	fake(t, func(t *testing.T, fs *fakeServer) {
		stop := make(chan struct{})
		defer close(stop)
		for i := range 400 {
			go guesser(fs, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), stop)
		}
		time.Sleep(time.Minute)
		for range 10 {
			c := fs.connected(t, "198.51.100.7")
			start := time.Now()
			c.login()
			require.LessOrEqual(t, time.Since(start), 300*time.Millisecond)
			time.Sleep(time.Second)
		}
		require.EqualValues(t, 3, most.Load())
	}, slow, func(srv *server.Server) { srv.Logger, srv.Hooks = nil, nil })
}

// guesser tries one password after the other until stop.
func guesser(fs *fakeServer, from netip.Addr, stop <-chan struct{}) {
	for n := 0; ; {
		raw, _ := fs.net.Connect(netip.AddrPortFrom(from, 50000), netip.AddrPortFrom(memServer, explicitPort), buffer)
		if raw == nil {
			return // the server has closed
		}
		conn := patient{raw}
		r := bufio.NewReader(conn)
		line, err := r.ReadString('\n')
		for err == nil && !strings.HasPrefix(line, "421") {
			select {
			case <-stop:
				conn.Close()
				return
			default:
			}
			fmt.Fprintf(conn, "USER u%d\r\n", n)
			r.ReadString('\n')
			fmt.Fprintf(conn, "PASS wrong\r\n")
			line, err = r.ReadString('\n')
			n++
		}
		conn.Close()
	}
}

// A login that hangs in the backend makes room for others.
func TestHangingLoginMakesRoom(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i := range 10 {
			c := fs.connected(t, "198.51.100."+strconv.Itoa(i))
			c.cmd(331, "USER hangs")
			c.send("PASS x")
		}
		time.Sleep(time.Millisecond)
		start := time.Now()
		c := fs.connected(t, "198.51.100.100")
		c.login()
		require.LessOrEqual(t, time.Since(start), 10*time.Second)
	}, func(srv *server.Server) {
		within := srv.Driver
		srv.MaxLogins = 1
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			if l.User == "hangs" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return within.Login(ctx, l)
		})
	})
}

// A client whose login is not judged within LoginTimeout is told so, and the login
// is never judged.
func TestCrowdedLogin(t *testing.T) {
	var judged atomic.Int32
	fake(t, func(t *testing.T, fs *fakeServer) {
		var all []*client
		for range 8 {
			c := fs.connected(t, "198.51.100.7")
			c.cmd(331, "USER x")
			c.send("PASS wrong")
			all = append(all, c)
		}
		time.Sleep(10*time.Second + 1)
		require.EqualValues(t, 5, judged.Load()) // at 0, 0.5, 1.5, 3.5 and 7.5 seconds
		crowded := 0
		for _, c := range all {
			if strings.Contains(c.expect(530, 421).String(), "try again later") {
				crowded++
				c.end()
			}
		}
		require.Equal(t, 3, crowded)
	}, count(&judged), func(srv *server.Server) { srv.LoginTimeout = 10 * time.Second })
}

// Row 45: hanging up while the login is judged gains no guess either. The driver
// learns from its context that the client is gone, and what it then returns is
// counted like a refusal.
func TestHangUpWhileJudged(t *testing.T) {
	var asked atomic.Int32
	var ended chan struct{} // closed when the driver returns
	slow := func(srv *server.Server) {
		within := srv.Driver
		ended = make(chan struct{})
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			if asked.Add(1) > 1 {
				return within.Login(ctx, l)
			}
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		})
	}
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.connected(t, "198.51.100.7")
		next := fs.connected(t, "198.51.100.7")
		c.cmd(331, "USER %s", testUser)
		c.send("PASS wrong")
		synctest.Wait()
		require.EqualValues(t, 1, asked.Load())
		c.Conn.Close()
		<-ended
		synctest.Wait()
		require.Len(t, fs.Sessions(), 1)
		next.refused(500*time.Millisecond, 530, testUser)
	}, slow)
}
