package server_test

import (
	stdtls "crypto/tls"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func allowCCC(srv *server.Server) { srv.AllowCCC = true }

// ccc takes TLS off the control connection of a client. The data connections of the
// client keep TLS.
func (c *client) ccc() {
	c.t.Helper()
	c.cmd(200, "CCC")
	c.untls("")
}

// After CCC data connections are protected as before, and prove whose they are:
// a thief on the same address gets nothing.
func TestDataAfterCCC(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, implicit := range []bool{false, true} {
			t.Run(tls.VersionName(version), func(t *testing.T) {
				t.Parallel()
				ts := start(t, allowCCC, func(srv *server.Server) {
					srv.SessionReuse = tls.Require
					srv.Passive = onePort(t)
					srv.Passive.TTL = 5 * time.Second
				})
				cfg := ts.Config.Clone()
				cfg.MinVersion, cfg.MaxVersion = version, version
				cfg.ClientSessionCache = stdtls.NewLRUClientSessionCache(0)
				ts.Config = cfg
				var c *client
				if implicit {
					c = ts.dialImplicit(t)
					c.login()
					c.cmd(200, "TYPE I")
				} else {
					c = ts.login(t)
				}
				c.ccc()
				for range 3 {
					c.put("content", "STOR a")
					require.True(t, ts.lastTransfer(t).Protected)
					require.True(t, ts.lastTransfer(t).Resumed)
					require.Equal(t, "content", c.get("RETR a"))
				}

				conn := c.dataTCP(c.pasv())
				c.cmd(150, "RETR a")
				thief := stdtls.Client(conn, trust(ts.TLS))
				got, _ := io.ReadAll(thief)
				require.Empty(t, got)
				c.expect(522)

				require.False(t, ts.Sessions()[0].Secure)
				c.cmd(221, "QUIT")
				line, err := c.ReadLine()
				require.ErrorIs(t, err, io.EOF, "got %q", line)
			})
		}
	}
}

// What comes under TLS behind CCC is not taken for a command in clear. A client
// that never ends TLS is waited for no longer than for a handshake.
func TestCCCNotEnded(t *testing.T) {
	for name, misbehave := range map[string]func(*client){
		"goes on under TLS": func(c *client) { c.send("MKD x") },
		"hangs up":          func(c *client) { c.Conn.(*stdtls.Conn).NetConn().Close() },
		"half closes":       func(c *client) { c.Conn.(*stdtls.Conn).NetConn().(patient).CloseWrite() },
		"talks in clear":    func(c *client) { io.WriteString(c.Conn.(*stdtls.Conn).NetConn(), "MKD x\r\n") },
		"waits":             func(*client) {},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c := fs.login(t)
				c.cmd(200, "CCC")
				misbehave(c)
				time.Sleep(server.DefaultHandshakeTimeout)
				synctest.Wait()
				require.Empty(t, fs.Sessions())
				_, err := fs.FS.Stat(t.Context(), "x")
				require.Error(t, err)
			}, allowCCC)
		})
	}
}

// Commands sent behind CCC in the same TLS record come before the client can know
// the answer, so they are dropped and not taken for commands in clear. A CCC that
// is sent during a transfer waits for the end of the transfer.
func TestCCCPipelined(t *testing.T) {
	ts := start(t, allowCCC)
	c := ts.login(t)
	conn := c.open("STOR a")
	c.write("NOOP\r\nCCC\r\nMKD x\r\n")
	c.expect(200)
	_, err := io.WriteString(conn, "content")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	c.expect(226)
	c.expect(200)
	c.untls("")
	c.cmd(550, "RMD x")
	require.Equal(t, "content", c.get("RETR a"))
}

// FEAT names CCC when CCC is allowed and only then.
func TestFeatCCC(t *testing.T) {
	for allowed, options := range map[bool][]func(*server.Server){
		true:  {allowCCC},
		false: {},
	} {
		text := start(t, options...).dial(t).cmd(211, "FEAT").String()
		require.Equal(t, allowed, strings.Contains(text, "\n CCC\n"))
	}
	ts := start(t, allowCCC, insecure, func(srv *server.Server) { srv.TLS = nil })
	require.NotContains(t, ts.dial(t).cmd(211, "FEAT").String(), "CCC")
}

// Clear text that is sent along with close_notify is never lost or misread. A
// thousand small packets meet each boundary of what the kernel hands over.
func TestCCCManyTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("many handshakes")
	}
	ts := start(t, allowCCC)
	for range 50 {
		c := ts.login(t)
		c.cmd(200, "CCC")
		c.untls("PWD\r\nNOOP\r\n")
		c.expect(257)
		c.expect(200)
		c.Conn.Close()
	}
}
