package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// panicOnce panics the first time that it is armed and called.
type panicOnce struct{ armed, fired atomic.Bool }

func (p *panicOnce) act() {
	if p.armed.Swap(false) {
		p.fired.Store(true)
		panic("boom")
	}
}

// panicPort is a listener of the embedder's, which also makes its connections. The
// method that is named panics, on a connection only if it was accepted after panicOnce
// was armed: a session from before may still have calls of its own to make.
type panicPort struct {
	net.Listener
	*panicOnce
	method string
}

func (ln *panicPort) Accept() (net.Conn, error) {
	conn, err := ln.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if ln.method == "Accept" {
		ln.act()
	}
	return &panicPortConn{TCPConn: conn.(*net.TCPConn), ln: ln, late: ln.armed.Load()}, nil
}

func (ln *panicPort) Close() error {
	err := ln.Listener.Close()
	if ln.method == "Close of the listener" {
		ln.act()
	}
	return err
}

type panicPortConn struct {
	*net.TCPConn
	ln   *panicPort
	late bool // accepted after panicOnce was armed
}

func (c *panicPortConn) on(method string) {
	if c.late && c.ln.method == method {
		c.ln.act()
	}
}

func (c *panicPortConn) Read(p []byte) (int, error) {
	c.on("Read")
	return c.TCPConn.Read(p)
}

func (c *panicPortConn) Write(p []byte) (int, error) {
	c.on("Write")
	return c.TCPConn.Write(p)
}

func (c *panicPortConn) LocalAddr() net.Addr {
	c.on("LocalAddr")
	return c.TCPConn.LocalAddr()
}

func (c *panicPortConn) RemoteAddr() net.Addr {
	c.on("RemoteAddr")
	return c.TCPConn.RemoteAddr()
}

func (c *panicPortConn) SetReadDeadline(t time.Time) error {
	c.on("SetReadDeadline")
	return c.TCPConn.SetReadDeadline(t)
}

func (c *panicPortConn) SetLinger(sec int) error {
	c.on("SetLinger")
	return c.TCPConn.SetLinger(sec)
}

func (c *panicPortConn) Close() error {
	err := c.TCPConn.Close()
	c.on("Close")
	return err
}

// panicHandler is a handler of the embedder's for logs, and panics at a line.
type panicHandler struct {
	slog.Handler
	*panicOnce
	line string
}

func (h panicHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, h.line) {
		h.act()
	}
	return h.Handler.Handle(ctx, r)
}

func (panicHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h panicHandler) WithAttrs(a []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(a)
	return h
}

// A stranger's connection to a data port has the embedder's code panic, in what
// Ports.Listen returned or in the Logger. The panic costs that connection and nothing
// else: the session that waits on the port is served.
func TestForeignPanicsAtDataPorts(t *testing.T) {
	for _, method := range []string{"Accept", "Read", "RemoteAddr", "SetReadDeadline", "SetLinger", "Close", "Handle"} {
		t.Run(method, func(t *testing.T) {
			var once panicOnce
			ports := onePort(t)
			ports.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
				ln, err := new(net.ListenConfig).Listen(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return &panicPort{ln, &once, method}, nil
			}
			ports.StrictPeer = method == "SetLinger"
			if method == "Handle" {
				ports.Logger = slog.New(panicHandler{slog.DiscardHandler, &once, "data connection refused"})
			}
			ts := start(t, func(srv *server.Server) { srv.Passive = ports })
			ts.writeFile(t, "a", "content")
			c := ts.login(t)
			require.Equal(t, "content", c.get("RETR a"))
			at := c.pasv()
			once.armed.Store(true)
			if conn, err := stranger(t, at); err == nil { // otherwise the connection was reset already
				io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
			}
			eventually(t, "the panic", once.fired.Load)
			c.cmd(150, "RETR a")
			require.Equal(t, "content", readAll(t, c.dataTLS(c.dataTCP(at))))
			c.expect(226)
			require.Zero(t, ports.Stats().Leases)
		})
	}
}

// A listener of the embedder's that panics while an unused port is closed does no other
// harm, and the port is opened again.
func TestForeignPanicAtEndOfDataPort(t *testing.T) {
	var once panicOnce
	ports := onePort(t)
	ports.Idle = -1
	ports.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
		ln, err := new(net.ListenConfig).Listen(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &panicPort{ln, &once, "Close of the listener"}, nil
	}
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	ts.writeFile(t, "a", "content")
	c := ts.login(t)
	once.armed.Store(true)
	require.Equal(t, "content", c.get("RETR a"))
	eventually(t, "the panic", once.fired.Load)
	require.Equal(t, "content", c.get("RETR a"))
}
