package server_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// openDoor lets guests in without a password, but not those who are banned.
type openDoor struct{ driver.Driver }

func (openDoor) NeedsNoPassword(user string) bool { return user != testUser }

func (d openDoor) Login(ctx context.Context, l *driver.Login) (*driver.Account, error) {
	switch {
	case l.User == testUser:
		return d.Driver.Login(ctx, l)
	case l.User == "banned" || l.Password != "":
		return nil, driver.ErrLogin
	}
	return &driver.Account{FS: driver.Mem()}, nil
}

// A user who needs no password is logged in by USER, or refused there, and refusals count. Others are asked.
func TestPasswordless(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) { srv.Driver, srv.MaxLoginFailures = openDoor{srv.Driver}, 2 })
	c := ts.connect(t)
	c.cmd(220, "NOOP") // the greeting
	c.expect(200)
	c.cmd(230, "USER guest")
	c.cmd(257, "PWD")
	c.cmd(230, "PASS anything") // logged in already
	c.cmd(331, "USER %s", testUser)
	c.cmd(530, "PWD")
	c.cmd(331, "USER %s", testUser)
	c.cmd(230, "PASS %s", testPassword)
	c.cmd(530, "USER banned")
	c.cmd(530, "PWD")
	c.cmd(421, "USER banned")

	tls := start(t, func(srv *server.Server) { srv.Driver = openDoor{srv.Driver} }).connect(t)
	tls.expect(220)
	require.Contains(t, tls.cmd(530, "USER guest").String(), "TLS", "a login in clear")
}
