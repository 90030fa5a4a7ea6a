package ftptls

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

func TestClearText(t *testing.T) {
	l := newLayer(t)
	server, conn := pipe(t)
	conn.Write(record(1000)) // no TLS handshake, but no clear text either
	c := l.Session().Control(server)
	require.NotErrorIs(t, c.HandshakeContext(t.Context()), tls.ErrClearText)
	c.Close()
	for _, line := range []string{"USER alice\r\n", "AUTH TLS\r\n", "GET / HTTP/1.1\r\n\r\n"} {
		server, conn := pipe(t)
		c := l.Session().Control(server)
		_, err := io.WriteString(conn, line)
		require.NoError(t, err)
		err = c.HandshakeContext(t.Context())
		require.ErrorIs(t, err, tls.ErrClearText)
		require.ErrorContains(t, err, line[:4])
		require.NotContains(t, err.Error(), "TLS handshake: ")
		_, again := c.Read(make([]byte, 1))
		require.Equal(t, err, again)
		require.NoError(t, c.Close())
	}
}

func TestHandshakeEnds(t *testing.T) {
	l := newLayer(t)
	t.Run("context", func(t *testing.T) {
		server, conn := pipe(t)
		c := l.Session().Data(server, tls.Prefer)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := c.HandshakeContext(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "TLS handshake: ")
		require.ErrorContains(t, err, "the client sent nothing")
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, c.Close())
	})
	t.Run("half a hello", func(t *testing.T) {
		server, conn := pipe(t)
		c := l.Session().Data(server, tls.Prefer)
		hello := record(500)
		hello[0] = 22
		conn.Write(hello[:100])
		c.SetDeadline(time.Now().Add(20 * time.Millisecond))
		err := c.HandshakeContext(t.Context())
		require.ErrorContains(t, err, "timeout")
		require.NotContains(t, err.Error(), "sent nothing")
		require.NoError(t, c.Close())
	})
	t.Run("closed meanwhile", func(t *testing.T) {
		server, _ := pipe(t)
		c := l.Session().Control(server)
		var wg sync.WaitGroup
		wg.Go(func() {
			if c.HandshakeContext(context.Background()) == nil {
				t.Error("handshake with nobody")
			}
		})
		time.Sleep(10 * time.Millisecond)
		c.Close()
		wg.Wait()
	})
}

// Read and Write do the handshake, and with it the judging.
func TestImpliedHandshake(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		s, mallory := l.Session(), l.client(version)
		login(t, l.Session(), mallory)
		server, conn := pipe(t)
		d := s.Data(server, tls.Prefer)
		client := stdtls.Client(conn, mallory)
		defer client.Close()
		go client.Handshake()
		_, err := d.Write([]byte("secret"))
		require.ErrorIs(t, err, tls.ErrForeign)
	})
}
