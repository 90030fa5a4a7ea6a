package server_test

import (
	stdtls "crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// A function of Server.TLS takes long for somebody who shows the ticket of a
// session. It does not hold up the session's own data connection, if it heeds the
// context of the handshake.
func TestSlowTLSFunction(t *testing.T) {
	called := make(chan struct{})
	ts := start(t, func(srv *server.Server) {
		srv.SessionReuse, srv.Passive = tls.Require, onePort(t)
		srv.TLS = srv.TLS.Clone()
		srv.TLS.GetConfigForClient = func(hello *stdtls.ClientHelloInfo) (*stdtls.Config, error) {
			if hello.ServerName == "slow" {
				close(called)
				<-hello.Context().Done()
			}
			return nil, nil
		}
	})
	ts.writeFile(t, "a", "secret")
	cfg := ts.Config.Clone()
	cfg.ClientSessionCache = new(keeper)
	c := ts.loginWith(t, cfg)
	at := c.pasv()
	c.cmd(150, "RETR a")
	thief, err := stranger(t, at)
	require.NoError(t, err)
	slow := cfg.Clone()
	slow.ServerName, slow.InsecureSkipVerify = "slow", true
	go stdtls.Client(thief, slow).Handshake()
	<-called
	require.Equal(t, "secret", readAll(t, c.dataTLS(c.dataTCP(at))))
	c.expect(226)
}
