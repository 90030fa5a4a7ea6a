package nopanic

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCall(t *testing.T) {
	n, err := Call("it", func() (int, error) { return 7, nil })
	require.NoError(t, err)
	require.Equal(t, 7, n)
	_, err = Call("it", func() (int, error) { panic("boom") })
	require.EqualError(t, err, "it panicked: boom")
	p, ok := errors.AsType[*Panic](err)
	require.True(t, ok)
	require.Contains(t, string(p.Stack), "TestCall")
}

// shaky is a handler that panics in the methods that are named.
type shaky struct {
	slog.Handler
	in string
}

func (h shaky) at(method string) {
	if h.in == method {
		panic("boom")
	}
}

func (h shaky) Enabled(ctx context.Context, l slog.Level) bool {
	h.at("Enabled")
	return h.Handler.Enabled(ctx, l)
}

func (h shaky) Handle(ctx context.Context, r slog.Record) error {
	h.at("Handle")
	return h.Handler.Handle(ctx, r)
}

func (h shaky) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.at("WithAttrs")
	return shaky{h.Handler.WithAttrs(attrs), h.in}
}

func (h shaky) WithGroup(name string) slog.Handler {
	h.at("WithGroup")
	return shaky{h.Handler.WithGroup(name), h.in}
}

func TestLogger(t *testing.T) {
	require.Nil(t, Logger(nil))
	for in, want := range map[string]string{
		"":          "level=INFO msg=line a=1 g.b=2\n",
		"Enabled":   "",
		"Handle":    "",
		"WithAttrs": "level=INFO msg=line g.b=2\n",
		"WithGroup": "level=INFO msg=line a=1 b=2\n",
	} {
		var out bytes.Buffer
		text := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		Logger(slog.New(shaky{text, in})).With("a", 1).WithGroup("g").Info("line", "b", 2)
		require.Equal(t, want, out.String(), in)
	}
}

// proxied is a connection that came through a proxy.
type proxied struct {
	net.Conn
	dialled net.Addr
}

func (c proxied) DialledAddr() net.Addr { return c.dialled }

// around wraps a connection.
type around struct{ net.Conn }

func (c around) NetConn() net.Conn { return c.Conn }

// once is a listener with one connection.
type once struct {
	net.Listener
	conn net.Conn
}

func (ln once) Accept() (net.Conn, error) { return ln.conn, nil }

// The methods that other packages look for in a connection are still found.
func TestListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	require.Same(t, ln, Listener(ln))
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	tcp, err := ln.Accept()
	require.NoError(t, err)
	defer tcp.Close()

	same, err := Listener(once{ln, tcp}).Accept()
	require.NoError(t, err)
	require.Same(t, tcp, same)
	dialled := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 21}
	for _, c := range []net.Conn{around{tcp}, around{proxied{around{tcp}, dialled}}} {
		got, err := Listener(once{ln, c}).Accept()
		require.NoError(t, err)
		require.Equal(t, tcp.RemoteAddr(), got.RemoteAddr())
		require.Equal(t, tcp.LocalAddr(), got.LocalAddr())
		want := tcp.LocalAddr()
		if c != (around{tcp}) {
			want = dialled
		} else {
			require.Same(t, tcp, got.(*conn).NetConn())
			require.NoError(t, got.(*conn).SetLinger(0))
		}
		require.Equal(t, want, got.(*conn).DialledAddr())
	}
	pipe, _ := net.Pipe()
	got, err := Listener(once{ln, pipe}).Accept()
	require.NoError(t, err)
	require.Nil(t, got.(*conn).NetConn())
	require.NoError(t, got.(*conn).SetLinger(0))
	_, err = Listener(once{ln, nil}).Accept()
	require.Error(t, err)
}
