package server_test

import (
	stdtls "crypto/tls"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// A data connection from another address than the control connection's is
// served when it resumes the control connection's TLS session.
func TestDataFromAnotherAddress(t *testing.T) {
	ts := start(t)
	ts.writeFile(t, "a", "hello")
	c := ts.login(t)
	conn, err := stranger(t, c.pasv())
	require.NoError(t, err)
	c.cmd(150, "RETR a")
	require.Equal(t, "hello", readAll(t, c.dataTLS(conn)))
	c.expect(226)
	got := ts.lastTransfer(t)
	require.True(t, got.Resumed)
	require.Equal(t, "127.0.0.2", got.Peer.Addr().String())
	require.Equal(t, "127.0.0.1", got.Session.Peer.Addr().String())
}

// A data connection from another address is refused if it does not resume. The log
// names both addresses and the cure, and the transfer goes on with the client's own
// connection.
func TestDataFromAnotherAddressUnproven(t *testing.T) {
	for _, strict := range []bool{false, true} {
		ts := start(t, func(srv *server.Server) { srv.Passive = passive.Any(); srv.Passive.StrictPeer = strict })
		ts.writeFile(t, "a", "hello")
		c := ts.login(t)
		at := c.pasv()
		conn, err := stranger(t, at)
		c.cmd(150, "RETR a")
		cfg := c.TLS.Clone()
		if !strict {
			cfg.ClientSessionCache = nil
		}
		if err == nil { // otherwise the reset came before connect was done
			err = stdtls.Client(conn, cfg).Handshake()
		}
		require.Error(t, err)
		sec := c.dataTLS(c.dataTCP(at))
		got, err := io.ReadAll(sec)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
		sec.Close()
		c.expect(226)
		eventually(t, "a log with both addresses and the cure", func() bool {
			log := ts.Log.String()
			return strings.Contains(log, "data connection refused") && strings.Contains(log, "from=127.0.0.2 expected=127.0.0.1") &&
				strings.Contains(log, "cure=")
		})
	}
}
