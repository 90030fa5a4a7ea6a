package ftptls

import (
	"context"
	stdtls "crypto/tls"
	"testing"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// A handshake that a panic of the caller's functions has cut stays failed: crypto/tls
// would do another one, which nobody judges.
func TestPanicInHandshakeIsFinal(t *testing.T) {
	l := newLayer(t)
	first := true
	l.base.VerifyConnection = func(tls.ConnectionState) error {
		if first {
			first = false
			panic("boom")
		}
		return nil
	}
	raw, conn := pipe(t)
	server := l.Session().Data(raw, tls.Require)
	go stdtls.Client(conn, l.client(tls.VersionTLS13)).HandshakeContext(context.Background())
	require.PanicsWithValue(t, "boom", func() { _ = server.HandshakeContext(t.Context()) })
	require.ErrorIs(t, server.HandshakeContext(t.Context()), errCut)
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, errCut)
	_, err = server.Write([]byte("x"))
	require.ErrorIs(t, err, errCut)
	server.Close()
	conn.Close()
}
