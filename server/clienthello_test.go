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

// A client that begins TLS on the port for explicit FTPS waits for an answer that
// it could not read. The server ends the connection at once, and one line of the
// log names the cure.
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

// The bytes that show a ClientHello may come one by one, and nothing after them.
// The older form is of libraries that offer SSL 2 as well (RFC 5246, appendix E.2).
func TestClientHelloInPieces(t *testing.T) {
	for name, begin := range map[string]string{"TLS": "\x16", "SSL 2": "\x80\x2e\x01", "SSL 2, long": "\x81\x03\x01"} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				c := fs.from(t, memClient.String())
				c.expect(220)
				last := len(begin) - 1
				for _, b := range []byte(begin[:last]) {
					c.write(string([]byte{b}))
					time.Sleep(time.Second)
				}
				c.write(begin[last:])
				after(t, 0, c.end)
				synctest.Wait() // the line of the log is written after the end
				lines := fs.lines("level=WARN")
				require.Len(t, lines, 1)
				require.Contains(t, lines[0], "implicit")
			})
		})
	}
}

// Odd bytes behind a verb, such as names that are not UTF-8, don't pass for a
// ClientHello, nor do odd bytes that somebody types.
func TestOddBytesAreNoClientHello(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		c := fs.in(t)
		for _, line := range []string{"\x80\x2e\x02", "\x80", "\x15\x03\x01", "X\x16\x03", "\xe4\xf6\xfc"} {
			c.cmd(500, "%s", line)
		}
		c.cmd(550, "SIZE \x16\x03")
	})
}
