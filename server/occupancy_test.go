package server_test

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// Sessions of other processes count towards each limit on sessions, as Occupancy of their servers tells them.
func TestCountElsewhere(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
			return &driver.Account{FS: driver.Mem(), Policy: driver.Policy{MaxSessions: 3}}, nil
		})
		srv.MaxSessions, srv.MaxSessionsPerAddress = 10, 5
	})
	require.Zero(t, ts.Occupancy().Sessions)
	ts.login(t)
	one := ts.Occupancy()
	local := netip.MustParsePrefix("127.0.0.1/32")
	require.Equal(t, map[netip.Prefix]int{local: 1}, one.Networks)
	require.Len(t, one.Accounts, 1)

	var sum server.Occupancy
	sum.Add(one)
	sum.Add(one)
	require.Equal(t, 2, sum.Sessions)
	require.Equal(t, 2, sum.Networks[local])
	refused := func(o server.Occupancy) {
		t.Helper()
		ts.CountElsewhere(o)
		ts.connect(t).expect(421)
	}
	refused(server.Occupancy{Sessions: 9})
	refused(server.Occupancy{Networks: map[netip.Prefix]int{local: 4}})
	ts.CountElsewhere(server.Occupancy{Sessions: 8, Networks: map[netip.Prefix]int{local: 3, netip.MustParsePrefix("192.0.2.1/32"): 5}})
	ts.login(t)
	ts.CountElsewhere(server.Occupancy{Accounts: sum.Accounts})
	c := ts.dial(t)
	c.authTLS()
	c.cmd(331, "USER %s", testUser)
	c.cmd(421, "PASS %s", testPassword)
	eventually(t, "the end of the refused session", func() bool { return ts.Occupancy().Sessions == 2 }) // those of others are not among them
	ts.CountElsewhere(server.Occupancy{})
	ts.login(t)
}

// Servers that ask each other at each login never admit more sessions of an account than it may have, and refuse none
// for a session that has ended.
func TestRecount(t *testing.T) {
	const most = 3
	var all [2]*testServer
	for i := range all {
		all[i] = start(t, func(srv *server.Server) {
			srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
				return &driver.Account{FS: driver.Mem(), Policy: driver.Policy{MaxSessions: most}}, nil
			})
			srv.MaxLogins = 100
			srv.Recount = func(context.Context) (server.Occupancy, bool) { return all[1-i].Occupancy(), true }
		})
	}
	login := func(n, code int) *client {
		c := all[n%2].dial(t)
		c.authTLS()
		c.cmd(331, "USER %s", testUser)
		c.cmd(code, "PASS %s", testPassword)
		return c
	}
	var in []*client
	for n := range most {
		in = append(in, login(n, 230))
	}
	login(0, 421)
	login(1, 421)
	eventually(t, "the end of the refused sessions", func() bool { return all[0].Occupancy().Sessions+all[1].Occupancy().Sessions == most })
	in[0].cmd(221, "QUIT")
	eventually(t, "the end of the session", func() bool { return all[0].Occupancy().Sessions == 1 })
	login(1, 230)
	login(0, 421)

	var waiting []*client
	for n := range 4 * most {
		c := all[n%2].dial(t)
		c.authTLS()
		c.cmd(331, "USER %s", "other")
		waiting = append(waiting, c)
	}
	var got atomic.Int32
	var wg sync.WaitGroup
	for _, c := range waiting {
		wg.Go(func() {
			if r, err := c.Cmd(230, "PASS "+testPassword); err == nil && r.Code == 230 {
				got.Add(1)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, got.Load(), int32(most))
}
