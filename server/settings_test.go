package server_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// After Update present sessions keep their files and their TLS; new sessions see
// all of the new settings.
func TestUpdate(t *testing.T) {
	ports := passive.Any()
	ts := start(t, func(srv *server.Server) { srv.Passive, srv.SessionReuse, srv.Greeting = ports, tls.Require, "Old" })
	old := ts.login(t)
	waiting := ts.dial(t)
	old.put("kept", "STOR a")

	files := driver.Mem()
	renewed, err := tls.SelfSigned()
	require.NoError(t, err)
	require.NoError(t, ts.Update(func(now *server.Settings) {
		require.Equal(t, "Old", now.Greeting)
		now.Driver = driver.User("bob", "battery staple", files)
		now.TLS = renewed
		now.Greeting = "New"
		now.Announce = passive.AnnounceFunc(func(context.Context, netip.Addr, netip.Addr) (netip.Addr, error) {
			return netip.MustParseAddr("127.0.0.2"), nil
		})
		now.Disabled = []string{"HASH"}
		now.MaxLoginFailures = 1
		now.Host = func(name string) bool { return name == "new.example.com" }
	}))

	// The old session goes on: data connections still resume the TLS of that
	// session.
	conn := old.dataTCP(old.epsv())
	old.cmd(150, "RETR a")
	require.Equal(t, "kept", readAll(t, old.dataTLS(conn)))
	old.expect(226)
	require.Contains(t, old.cmd(227, "PASV").String(), "(127,0,0,2,")
	old.cmd(213, "HASH a")
	require.Contains(t, old.cmd(211, "FEAT").String(), "HASH")

	// A session that had not begun TLS goes on as well, and gets the new
	// certificate.
	waiting.TLS = trust(renewed)
	waiting.authTLS()
	waiting.cmd(504, "HOST old.example.com")
	waiting.cmd(331, "USER %s", testUser)
	waiting.cmd(421, "PASS %s", testPassword)

	c := newClient(t, dialTCP(t, ts.Addr), trust(renewed))
	require.Contains(t, c.expect(220).String(), "New")
	c.authTLS()
	c.cmd(220, "HOST new.example.com")
	c.cmd(331, "USER bob")
	c.cmd(230, "PASS battery staple")
	c.protect()
	c.cmd(550, "SIZE a")
	c.cmd(502, "HASH a")
	require.NotContains(t, c.cmd(211, "FEAT").String(), "HASH")

	// With the login the old session loses what it was allowed.
	old.cmd(220, "REIN")
	require.NotContains(t, old.cmd(211, "FEAT").String(), "HASH")

	// Update leaves the fields of Server alone.
	require.Equal(t, "Old", ts.Greeting)
}

// A session that is logged in may be idle as long as it might at its login.
func TestUpdateIdleTimeout(t *testing.T) {
	ts := start(t)
	old := ts.login(t)
	require.NoError(t, ts.Update(func(now *server.Settings) { now.IdleTimeout = 2 * time.Second }))
	old.cmd(200, "NOOP")
	c := ts.login(t)
	c.expect(421)
	old.cmd(200, "NOOP")
}

// Update reports everything that is wrong at once, and changes nothing then.
func TestUpdateThatIsWrong(t *testing.T) {
	ports, err := passive.Range("65000-65010")
	require.NoError(t, err)
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	err = ts.Update(func(now *server.Settings) {
		now.Greeting = "New"
		now.Driver = driver.User("", "", nil)
		now.Disabled = []string{"NONSENSE"}
		now.Announce = passive.Rules{{Announce: passive.Address("0.0.0.0"), Offset: 1000}}
	})
	for _, part := range []string{"name is empty", "NONSENSE", "every address of a host", "Offset is 1000"} {
		require.ErrorContains(t, err, part)
	}
	for part, change := range map[string]func(*server.Settings){
		"neither begin nor end": func(now *server.Settings) { now.Greeting, now.TLS = "New", nil },
		"no certificate":        func(now *server.Settings) { now.Greeting, now.TLS = "New", new(tls.Config) },
	} {
		require.ErrorContains(t, ts.Update(change), part)
	}
	require.NotContains(t, ts.connect(t).expect(220).String(), "New")
	ts.login(t)

	plain := start(t, func(srv *server.Server) { srv.TLS, srv.InsecurePlaintext = nil, true })
	require.ErrorContains(t, plain.Update(func(now *server.Settings) { now.TLS = certificate() }), "neither begin nor end")
	require.ErrorContains(t, new(server.Server).Update(func(*server.Settings) { t.Error("called") }), "there is no certificate")
}

// A limit below the number of present sessions ends none. The next session has to
// wait for two to go.
func TestUpdateLimits(t *testing.T) {
	ts := start(t)
	a, b := ts.login(t), ts.login(t)
	require.NoError(t, ts.Update(func(now *server.Settings) { now.MaxSessions = 1 }))
	ts.connect(t).expect(421)
	a.cmd(200, "NOOP")
	b.cmd(200, "NOOP")
	require.NoError(t, ts.Update(func(now *server.Settings) { now.MaxSessions, now.MaxSessionsPerAddress = 0, 2 }))
	ts.connect(t).expect(421)
	require.NoError(t, ts.Update(func(now *server.Settings) { now.MaxSessionsPerAddress = -1 }))
	ts.login(t)
}

// A login that waits for another login to be judged begins when Update makes more
// places.
func TestUpdateMaxLogins(t *testing.T) {
	var judged atomic.Int32
	fake(t, func(t *testing.T, fs *fakeServer) {
		for _, from := range []string{"198.51.100.1", "198.51.100.2"} {
			c := fs.from(t, from)
			c.expect(220)
			c.cmd(331, "USER alice")
			c.send("PASS x")
		}
		synctest.Wait()
		require.EqualValues(t, 1, judged.Load())
		require.NoError(t, fs.Update(func(now *server.Settings) { now.MaxLogins = 2 }))
		synctest.Wait()
		require.EqualValues(t, 2, judged.Load())
	}, func(srv *server.Server) {
		srv.MaxLogins = 1
		srv.Driver = driver.Func(func(ctx context.Context, _ *driver.Login) (*driver.Account, error) {
			judged.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
}

// A login that says that it waits (driver.LoginWaits) makes room for the next at
// once, as often as may wait.
func TestLoginWaits(t *testing.T) {
	var judged atomic.Int32
	fake(t, func(t *testing.T, fs *fakeServer) {
		began := time.Now()
		for n := range 20 {
			c := fs.from(t, fmt.Sprint("198.51.100.", n))
			c.expect(220)
			c.cmd(331, "USER alice")
			c.send("PASS x")
		}
		synctest.Wait()
		require.EqualValues(t, 16, judged.Load())
		require.Zero(t, time.Since(began))
	}, func(srv *server.Server) {
		srv.MaxLogins = 1
		srv.Driver = driver.Func(func(ctx context.Context, _ *driver.Login) (*driver.Account, error) {
			judged.Add(1)
			driver.LoginWaits(ctx)
			driver.LoginWaits(ctx)
			<-ctx.Done()
			driver.LoginWaits(ctx)
			return nil, ctx.Err()
		})
	})
}

// Sessions come, work and go while the settings change all the time.
func TestUpdateRaces(t *testing.T) {
	ts := start(t)
	ts.writeFile(t, "a", "hello")
	stop := make(chan struct{})
	var updates sync.WaitGroup
	updates.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := ts.Update(func(now *server.Settings) {
				now.Greeting = fmt.Sprint("Update ", i)
				now.TLS = certificate().Clone()
				now.Disabled = append(now.Disabled[:0], []string{"XCRC", "XMD5"}[i%2])
				now.Announce = passive.Rules{{Announce: passive.Address("127.0.0.1")}}
				now.MaxLogins, now.MaxSessions, now.IdleTimeout, now.DataTimeout = 1+i%3, 100+i%3, time.Minute, time.Minute
			})
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	for range 20 {
		c := ts.login(t)
		require.Equal(t, "hello", c.get("RETR a"))
		c.cmd(221, "QUIT")
	}
	close(stop)
	updates.Wait()
}
