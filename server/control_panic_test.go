package server_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// A listener for control connections is the embedder's, and so are its connections: a
// panic in one of their methods costs one connection, and neither the process nor the
// listener.
func TestForeignPanicsAtControlPorts(t *testing.T) {
	for _, method := range []string{"Accept", "Read", "Write", "LocalAddr", "RemoteAddr", "SetReadDeadline", "Close"} {
		t.Run(method, func(t *testing.T) {
			var once panicOnce
			ts := start(t)
			ts.writeFile(t, "a", "content")
			ts.Addr = ts.listenOn(t, &panicPort{loopback(t), &once, method}, ts.Serve)
			witness := ts.login(t)
			once.armed.Store(true)
			conn := dialTCP(t, ts.Addr)
			io.WriteString(conn, "QUIT\r\n")
			eventually(t, "the panic", once.fired.Load)
			conn.Close()
			require.Equal(t, "content", witness.get("RETR a"))
			require.Equal(t, "content", ts.login(t).get("RETR a"))
			eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 2 })
		})
	}
}

// A listener whose Close panics is closed all the same.
func TestForeignPanicAtEndOfControlPort(t *testing.T) {
	var once panicOnce
	ts := start(t)
	ts.Addr = ts.listenOn(t, &panicPort{loopback(t), &once, "Close of the listener"}, ts.Serve)
	c := ts.login(t)
	once.armed.Store(true)
	require.NoError(t, ts.Close())
	require.True(t, once.fired.Load())
	var err error
	for err == nil { // 421 may come first
		_, err = c.ReadReply()
	}
	require.ErrorIs(t, err, io.EOF)
}

// always is a handler of the embedder's that panics, whatever is asked of it.
type always struct{}

func (always) Enabled(context.Context, slog.Level) bool  { return true }
func (always) Handle(context.Context, slog.Record) error { panic("boom") }
func (always) WithAttrs([]slog.Attr) slog.Handler        { panic("boom") }
func (always) WithGroup(string) slog.Handler             { panic("boom") }

// A Logger that panics at every line costs the lines and nothing else.
func TestLoggerPanics(t *testing.T) {
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Logger, srv.MaxSessionsPerAddress = slog.New(always{}), 2
		srv.Hooks = &server.Hooks{Command: func(c server.Command) {
			if c.Line == "NOOP" {
				panic("of a hook, which is logged")
			}
		}}
	})
	ts.writeFile(t, "a", "content")
	c, other := ts.login(t), ts.login(t)
	require.Equal(t, "content", c.get("RETR a"))
	ts.connect(t).expect(421)
	other.send("NOOP")
	eventually(t, "the other session's end", func() bool { return len(ts.Sessions()) == 1 })
	require.Equal(t, "content", c.get("RETR a"))
	c.cmd(221, "QUIT")
}
