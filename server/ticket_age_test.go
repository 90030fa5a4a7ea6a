package server_test

import (
	stdtls "crypto/tls"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// A ticket proves something for seven days: since the last transfer, or in TLS 1.2 since the login.
// A client that has proved itself before hears 425 when its ticket is older, and is served when it
// connects again.
func TestTicketAge(t *testing.T) {
	for _, test := range []struct {
		name          string
		version       uint16
		first, second time.Duration // before the second transfer, and before the third
	}{
		{"TLS 1.2, since the login", stdtls.VersionTLS12, 4 * day, 4 * day},
		{"TLS 1.3, since the last transfer", stdtls.VersionTLS13, 6 * day, 8 * day},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake(t, func(t *testing.T, ts *fakeServer) {
				ts.writeFile(t, "a", "content")
				cfg := ts.Config.Clone()
				cfg.MaxVersion = test.version
				c := ts.loginWith(t, cfg)
				require.Equal(t, "content", c.get("RETR a"))
				time.Sleep(test.first)
				require.Equal(t, "content", c.get("RETR a"))
				require.True(t, ts.lastTransfer(t).Resumed)
				time.Sleep(test.second)
				conn := c.dataTCP(c.pasv())
				c.cmd(150, "RETR a")
				got, _ := io.ReadAll(stdtls.Client(conn, c.TLS))
				require.Empty(t, got)
				c.expect(425)
				require.Equal(t, "content", ts.loginWith(t, cfg).get("RETR a"))
			}, func(srv *server.Server) { srv.IdleTimeout = -1 })
		})
	}
}

const day = 24 * time.Hour
