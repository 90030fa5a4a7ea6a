package server_test

import (
	"bytes"
	stdtls "crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// sameHash returns a cipher suite with the hash of a session's cipher suite; otherHash returns one
// with another hash.
func sameHash(c *client) uint16 {
	if c.state().CipherSuite == stdtls.TLS_AES_256_GCM_SHA384 {
		return stdtls.TLS_AES_256_GCM_SHA384
	}
	return stdtls.TLS_AES_128_GCM_SHA256
}

func otherHash(c *client) uint16 {
	return stdtls.TLS_AES_128_GCM_SHA256 + stdtls.TLS_AES_256_GCM_SHA384 - sameHash(c)
}

// Row 41: a ticket that is shown in one of these ways is passed over, and the full handshake that
// follows succeeds. It proves nothing, whosever ticket was shown.
func TestTicketPassedOver(t *testing.T) {
	junk := bytes.Repeat([]byte{'x'}, 200)
	ways := map[string]func(c *client, ticket []byte) forgery{
		"psk_ke only": func(c *client, ticket []byte) forgery {
			return forgery{suite: sameHash(c), modes: []byte{pskKE}, tickets: [][]byte{ticket}}
		},
		"another hash": func(c *client, ticket []byte) forgery {
			return forgery{suite: otherHash(c), modes: []byte{pskDHEKE}, tickets: [][]byte{ticket}}
		},
		"behind five others": func(c *client, ticket []byte) forgery {
			return forgery{suite: sameHash(c), modes: []byte{pskDHEKE}, tickets: [][]byte{junk, junk, junk, junk, junk, ticket}}
		},
	}
	for name, way := range ways {
		for _, whose := range []string{"its own", "a sibling's"} {
			for _, from := range []string{"home", "elsewhere"} {
				t.Run(name+", "+whose+", "+from, func(t *testing.T) {
					t.Parallel()
					ts := start(t, func(srv *server.Server) { srv.Passive = onePort(t) })
					ts.writeFile(t, "a", "secret")
					withTickets := func() *client {
						cfg := ts.Config.Clone()
						cfg.ClientSessionCache = new(keeper)
						return ts.loginWith(t, cfg)
					}
					c := withTickets()
					seen := sniff(t, c, "a")
					if whose == "a sibling's" {
						other := withTickets()
						seen = sniff(t, other, "a")
						for range 9 { // until the sessions are known to keep their tickets apart
							require.Equal(t, "secret", c.get("RETR a"))
						}
					}
					f := way(c, seen.ticket)
					at := c.pasv()
					var conn net.Conn
					if from == "home" {
						conn = c.dataTCP(at)
					} else {
						var err error
						conn, err = stranger(t, at)
						require.NoError(t, err)
					}
					c.cmd(150, "RETR a")
					data, err := f.shake(conn)
					require.NoError(t, err)
					got, _ := io.ReadAll(data)
					require.Empty(t, got)
					require.Equal(t, "secret", readAll(t, c.dataTLS(c.dataTCP(at))))
					c.expect(226)
					require.True(t, ts.lastTransfer(t).Resumed)
				})
			}
		}
	}
	t.Run("is what a client can do", func(t *testing.T) {
		ts := start(t, func(srv *server.Server) { srv.SessionReuse = tls.Off })
		ts.writeFile(t, "a", "secret")
		for name, way := range ways {
			c := ts.login(t)
			conn := c.dataTCP(c.pasv())
			c.cmd(150, "RETR a")
			f := way(c, junk)
			data, err := f.shake(conn)
			require.NoError(t, err, name)
			got, _ := io.ReadAll(data)
			require.Equal(t, "secret", string(got), name)
			conn.Close()
			c.expect(226)
		}
	})
}
