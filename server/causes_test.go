package server_test

import (
	"io"
	"net"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// badText matches what no text for people may hold: the end of a sentence within
// one, the name of a function of Go, an error of package io by itself, or no name
// of its source.
var badText = regexp.MustCompile(`[a-z]\.: |raw-|^EOF|^unexpected EOF|^context canceled|: server: |^$`)

// The errors that tell hooks why transfers failed and sessions ended read well.
func TestCausesReadWell(t *testing.T) {
	const (
		broke   = "^server: the data connection broke: "
		aborted = "^server: transfer aborted: "
	)
	for name, c := range map[string]struct {
		do            func(ts *testServer, c *client)
		transfer, end string // patterns
	}{
		"ABOR": {func(_ *testServer, c *client) {
			c.pasv()
			c.cmd(150, "STOR a")
			c.cmd(426, "ABOR")
			c.expect(226)
			c.cmd(221, "QUIT")
		}, aborted + "the client sent ABOR$", ""},
		"data connection reset": {func(_ *testServer, c *client) {
			conn := c.open("RETR big")
			require.NoError(c.t, conn.(interface{ NetConn() net.Conn }).NetConn().(*ftpclient.TCPConn).SetLinger(0))
			conn.(interface{ NetConn() net.Conn }).NetConn().Close()
			c.expect(426)
			c.cmd(221, "QUIT")
		}, broke + "(write|read) tcp4? ", ""},
		"gone during a transfer": {func(_ *testServer, c *client) {
			conn := c.open("STOR a")
			io.WriteString(conn, "x")
			require.NoError(c.t, c.Conn.(interface{ NetConn() net.Conn }).NetConn().(*ftpclient.TCPConn).SetLinger(0))
			c.Conn.(interface{ NetConn() net.Conn }).NetConn().Close()
		}, aborted + "the control connection broke: read tcp4? .*: connection reset by peer$", "^server: the control connection broke: read tcp "},
		"hung up": {func(_ *testServer, c *client) { c.Conn.Close() }, "", "^server: the client closed the control connection$"},
		"shut down": {func(ts *testServer, c *client) {
			c.pasv()
			c.cmd(150, "STOR a")
			ts.Close()
		}, aborted + "shutting down$", "^server: shutting down$"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t)
			ts.writeFile(t, "big", string(make([]byte, 64<<20)))
			c.do(ts, ts.login(t))
			eventually(t, "the end", func() bool { ts.mu.Lock(); defer ts.mu.Unlock(); return len(ts.ends) == 1 })
			if c.transfer != "" {
				require.Regexp(t, c.transfer, ts.lastTransfer(t).Err.Error())
			}
			if c.end == "" {
				require.NoError(t, ts.lastEnd(t))
			} else {
				require.Regexp(t, c.end, ts.lastEnd(t).Error())
			}
		})
	}
}
