package server_test

import (
	stdtls "crypto/tls"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// overtaken is a data connection of a client. It has a thief send the client's
// first bytes before the client does.
type overtaken struct {
	net.Conn
	thief func(hello []byte) // nil once it has been called
}

func (c *overtaken) Write(p []byte) (int, error) {
	if f := c.thief; f != nil {
		c.thief = nil
		f(p)
	}
	return c.Conn.Write(p)
}

// Row 41: a thief overhears the ClientHello of a data connection, and has a copy of
// it arrive before the client's own. The copy ends nothing.
func TestHelloOvertaken(t *testing.T) {
	for _, version := range []uint16{stdtls.VersionTLS12, stdtls.VersionTLS13} {
		for _, policy := range []tls.Reuse{tls.Prefer, tls.Require} {
			for _, from := range []string{"home", "elsewhere"} {
				for _, then := range []string{"", "not what comes after a ClientHello"} {
					t.Run(fmt.Sprint(tls.VersionName(version), " ", policy, " ", from, " ", then), func(t *testing.T) {
						t.Parallel()
						ts := start(t, func(srv *server.Server) { srv.SessionReuse, srv.Passive = policy, onePort(t) })
						ts.writeFile(t, "a", "secret")
						cfg := ts.Config.Clone()
						cfg.MaxVersion = version
						c := ts.loginWith(t, cfg)
						require.Equal(t, "secret", c.get("RETR a"))
						at := c.pasv()
						c.cmd(150, "RETR a")
						thief := c.dataTCP(at)
						if from == "elsewhere" {
							thief.Close()
							var err error
							thief, err = stranger(t, at)
							require.NoError(t, err)
						}
						conn := &overtaken{c.dataTCP(at), func(hello []byte) {
							thief.Write(hello)
							thief.SetDeadline(time.Now().Add(patience))
							n, err := thief.Read(make([]byte, 1<<10))
							require.NoError(t, err, "the server answers")
							require.NotZero(t, n)
							thief.Write([]byte(then))
							if then != "" {
								for err == nil {
									_, err = thief.Read(make([]byte, 1<<10))
								}
							}
						}}
						require.Equal(t, "secret", readAll(t, c.dataTLS(conn)))
						c.expect(226)
						require.True(t, ts.lastTransfer(t).Resumed)
					})
				}
			}
		}
	}
}
