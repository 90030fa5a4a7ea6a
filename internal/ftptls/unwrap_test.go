package ftptls

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// glued keeps what is written, once on, to be sent together with more.
type glued struct {
	net.Conn
	held []byte
	on   bool
}

func (g *glued) Write(p []byte) (int, error) {
	if g.on {
		g.held = append(g.held, p...)
		return len(p), nil
	}
	return g.Conn.Write(p)
}

func (g *glued) SetWriteDeadline(time.Time) error { return nil }

// A client may send clear text in the same segment as its close_notify.
func TestUnwrap(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		server, conn := pipe(t)
		c := l.Session().Control(server)
		defer c.Close()
		below := &glued{Conn: conn}
		client, err := shake(t, c, below, l.client(version))
		require.NoError(t, err)
		_, err = client.Write([]byte("CCC\r\n"))
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, 5))
		require.NoError(t, err)

		_, err = c.Unwrap()
		require.ErrorContains(t, err, "ReadExact")
		c.ReadExact()
		_, err = c.Write([]byte("200"))
		require.NoError(t, err)
		_, err = io.ReadFull(client, make([]byte, 3))
		require.NoError(t, err)
		below.on = true
		require.NoError(t, client.CloseWrite())
		_, err = conn.Write(append(below.held, "NOOP\r\n"...))
		require.NoError(t, err)

		plain, err := c.Unwrap()
		require.NoError(t, err)
		got := make([]byte, 6)
		_, err = io.ReadFull(plain, got)
		require.NoError(t, err)
		require.Equal(t, "NOOP\r\n", string(got))
		_, err = plain.Write([]byte("200"))
		require.NoError(t, err)
	})
}

func TestUnwrapErrors(t *testing.T) {
	for text, misbehave := range map[string]func(net.Conn, net.Conn){
		"sent more":       func(client, _ net.Conn) { client.Write([]byte("x")) },
		"did not end TLS": func(_, below net.Conn) { below.Close() },
		"timeout":         func(net.Conn, net.Conn) {},
	} {
		l := newLayer(t)
		server, conn := pipe(t)
		c := l.Session().Control(server)
		client, err := shake(t, c, conn, l.client(tls.VersionTLS13))
		require.NoError(t, err)
		c.ReadExact()
		misbehave(client, conn)
		c.SetDeadline(time.Now().Add(50 * time.Millisecond))
		_, err = c.Unwrap()
		require.ErrorContains(t, err, text)
		c.Close()
	}
}

// A client that waits for the server's close_notify gets it.
func TestUnwrapServerFirst(t *testing.T) {
	l := newLayer(t)
	server, conn := pipe(t)
	c := l.Session().Control(server)
	defer c.Close()
	client, err := shake(t, c, conn, l.client(tls.VersionTLS13))
	require.NoError(t, err)
	c.ReadExact()
	go func() {
		if _, err := client.Read(make([]byte, 1)); err == io.EOF {
			client.CloseWrite()
		}
	}()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = c.Unwrap()
	require.NoError(t, err)
}
