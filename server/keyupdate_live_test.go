package server_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// Row 49, over sockets of the system with the system's windows and buffers:
// sessions that ask for new keys and read no answer, before login and after, don't
// hold up Shutdown. Transfers that do so end by DataTimeout.
func TestKeyUpdatesNeverReadOverTCP(t *testing.T) {
	t.Parallel()
	ts := start(t, func(srv *server.Server) {
		srv.DataTimeout = time.Second
		srv.Passive = passive.Any()
		srv.Passive.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
			ln, err := new(net.ListenConfig).Listen(ctx, network, address)
			return stingy{ln}, err
		}
	})
	ts.Addr = ts.listenOn(t, stingy{loopback(t)}, ts.Serve)
	ts.writeFile(t, "big", strings.Repeat("0123456789abcdef", 2<<20)) // more than the kernel takes
	download, upload := floodData(t, ts, "RETR big"), floodData(t, ts, "STOR up")
	download.expect(426)
	upload.expect(426)
	download.cmd(221, "QUIT")
	upload.cmd(221, "QUIT")

	for _, login := range []func(*client){func(*client) {}, (*client).login} {
		floodControl(t, ts, login)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, ts.Shutdown(ctx))
	require.Empty(t, ts.Sessions())
}

// stingy accepts connections that keep little of what their clients don't read. In
// what the system grants there is room for a hundred thousand answers.
type stingy struct{ net.Listener }

func (ln stingy) Accept() (net.Conn, error) {
	conn, err := ln.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(8 << 10)
	}
	return conn, err
}

// floodData begins a transfer and asks for new keys on its connection without end.
func floodData(t *testing.T, ts *testServer, command string) *client {
	t.Helper()
	c := ts.login(t)
	raw := &tee{TCPConn: c.dataTCP(c.pasv()).(*ftpclient.TCPConn)}
	require.NoError(t, raw.SetReadBuffer(64<<10))
	c.cmd(150, "%s", command)
	_, keys := updating(t, c, raw)
	go floodKeys(raw.TCPConn, keys, new(atomic.Int64))
	return c
}

// floodControl asks for new keys on a control connection without end, and waits
// until the server can answer no more.
func floodControl(t *testing.T, ts *testServer, login func(*client)) {
	t.Helper()
	var secrets testenv.Buffer
	cfg := ts.Config.Clone()
	cfg.KeyLogWriter = &secrets
	raw := dialTCP(t, ts.Addr)
	require.NoError(t, raw.(*ftpclient.TCPConn).SetReadBuffer(64<<10))
	require.NoError(t, raw.(*ftpclient.TCPConn).SetWriteBuffer(64<<10)) // bytes that wait in this buffer don't count
	count := &writeCounter{Conn: raw}
	c := newClient(t, count, cfg)
	c.expect(220)
	c.authTLS()
	state := c.state()
	count.n = 0
	login(c)
	raw.SetDeadline(time.Time{})
	sent := new(atomic.Int64)
	go floodKeys(raw, updater(t, &secrets, state.CipherSuite, count.n), sent)
	last := int64(-1)
	eventually(t, "a server that can't answer", func() bool {
		time.Sleep(time.Second)
		was := last
		last = sent.Load()
		return last > 0 && last == was
	})
}

// writeCounter counts the records that a client sends: each call sends a record.
type writeCounter struct {
	net.Conn
	n uint64
}

func (c *writeCounter) Write(p []byte) (int, error) {
	c.n++
	return c.Conn.Write(p)
}

// floodKeys asks for new keys and sends some bytes in turns until the connection ends.
func floodKeys(to io.Writer, keys *keyUpdater, sent *atomic.Int64) {
	for err := error(nil); err == nil; {
		_, err = to.Write(append(keys.update(), keys.data("x")...))
		sent.Add(1)
	}
}
