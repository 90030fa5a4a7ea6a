package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that begins TLS on the port for explicit FTPS waits for an answer which
// it can't read. It is sent away at once, and the log names the cure in one line.
func TestClientHelloOnTheExplicitPort(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		conn := fs.tcp(t, memClient, explicitPort, buffer)
		after(t, 0, func() {
			require.Error(t, stdtls.Client(conn, fs.Config).HandshakeContext(context.Background()))
			_, err := io.ReadAll(conn)
			require.NoError(t, err)
			synctest.Wait()
			require.Empty(t, fs.Sessions())
		})
		lines := fs.lines("level=WARN")
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], "AUTH TLS")
		require.Contains(t, lines[0], "implicit")
		require.Empty(t, fs.lines("disconnected"))
	})
}

// The two bytes that tell it may come one by one.
func TestClientHelloInPieces(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.from(t, memClient.String())
		c.expect(220)
		c.write("\x16")
		time.Sleep(time.Second)
		c.write("\x03")
		after(t, 0, c.end)
	})
}
