package server_test

import (
	"context"
	"net/netip"
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
