package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// refused is the answer to a wrong password after so long.
func (c *client) refused(want time.Duration, code int, user string) reply {
	c.t.Helper()
	c.cmd(331, "USER %s", user)
	var r reply
	after(c.t, want, func() { r = c.cmd(code, "PASS wrong") })
	return r
}

// Row 29: the delay grows with each failure, reconnecting does not lift it, a
// success does not either, and other addresses do not feel it.
func TestFailedLoginDelay(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		connect := func(addr string) *client {
			c := fs.from(t, addr)
			after(t, 0, func() { c.expect(220) })
			return c
		}
		c := connect("198.51.100.7")
		c.refused(500*time.Millisecond, 530, testUser)
		c.refused(time.Second, 530, testUser)
		c.refused(2*time.Second, 421, testUser)
		c.end()

		c = connect("198.51.100.7")
		c.refused(4*time.Second, 530, testUser)
		after(t, 0, c.login)
		c.cmd(331, "USER %s", testUser)
		after(t, 8*time.Second, func() { c.cmd(530, "PASS wrong") })
		c = connect("198.51.100.7")
		c.refused(8*time.Second, 530, testUser)

		c = connect("198.51.100.8")
		c.refused(500*time.Millisecond, 530, testUser)

		time.Sleep(10*time.Minute + 1)
		c = connect("198.51.100.7")
		c.refused(500*time.Millisecond, 530, testUser)
	}, func(srv *server.Server) { srv.IdleTimeout = -1 })
}

// Whoever has an IPv6 network has 2^64 addresses.
func TestFailedLoginDelayIPv6(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		for i, addr := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"} {
			c := fs.from(t, addr)
			c.expect(220)
			c.refused(500*time.Millisecond<<i, 530, testUser)
		}
		c := fs.from(t, "2001:db8:0:1::1")
		c.expect(220)
		c.refused(500*time.Millisecond, 530, testUser)
	})
}

// Row 28: an unknown user is told what a known one is, and waits as long. What
// the comparison of the password costs is the driver's matter.
func TestUnknownUserLooksTheSame(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		answers := func(addr, user string) (all []string) {
			c := fs.from(t, addr)
			c.expect(220)
			for i, code := range []int{530, 530, 421} {
				all = append(all, c.cmd(331, "USER %s", user).text())
				after(t, 500*time.Millisecond<<i, func() { all = append(all, c.cmd(code, "PASS wrong").text()) })
			}
			c.end()
			return all
		}
		require.Equal(t, answers("198.51.100.7", testUser), answers("198.51.100.8", "nobody"))
	})
}

// An error that is not ErrLogin looks no different from outside.
func TestBrokenDriverLooksTheSame(t *testing.T) {
	broken := func(srv *server.Server) {
		srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
			return nil, context.DeadlineExceeded
		})
	}
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, "198.51.100.7")
		c.expect(220)
		r := c.refused(500*time.Millisecond, 530, testUser)
		require.Equal(t, "530 Login incorrect.", r.text())
		require.Contains(t, fs.Log.String(), "deadline exceeded")
	}, broken)
}

func TestMaxLoginFailures(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, "198.51.100.7")
		c.expect(220)
		c.refused(500*time.Millisecond, 421, testUser)
		c.end()
	}, func(srv *server.Server) { srv.MaxLoginFailures = 1 })
}

// A new login name, AUTH or REIN does not lift the count of a session.
func TestLoginFailuresStay(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, "198.51.100.7")
		c.expect(220)
		c.refused(500*time.Millisecond, 530, "bob")
		c.authTLS()
		c.refused(time.Second, 530, "carol")
		c.cmd(220, "REIN")
		c.refused(2*time.Second, 421, "dave")
		c.end()
	})
}

// Shutdown does not wait for a delay.
func TestShutdownEndsDelay(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, "198.51.100.7")
		c.expect(220)
		c.cmd(331, "USER x")
		c.send("PASS wrong")
		time.Sleep(time.Millisecond)
		after(t, 0, func() { require.NoError(t, fs.Shutdown(t.Context())) })
		c.expect(530)
		c.expect(421)
		c.end()
	})
}
