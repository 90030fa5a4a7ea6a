package ftptls

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// versions runs a test with TLS 1.2 and TLS 1.3.
func versions(t *testing.T, f func(t *testing.T, version uint16)) {
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(v), func(t *testing.T) { f(t, v) })
	}
}

func newLayer(t testing.TB) *Layer {
	cfg, err := tls.SelfSigned()
	require.NoError(t, err)
	l, err := NewLayer(cfg)
	require.NoError(t, err)
	return l
}

// client returns the configuration of a client that trusts the layer's
// certificate and, like an FTP client for one login, keeps tickets.
func (l *Layer) client(version uint16) *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(tls.CertPEM(l.base))
	return &tls.Config{
		RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12, MaxVersion: version,
		ClientSessionCache: stdtls.NewLRUClientSessionCache(4),
	}
}

// pipe returns both ends of a TCP connection over loopback.
func pipe(t testing.TB) (server, client net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	client, err = net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	server, err = ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return server, client
}

// shake does both sides of a handshake. The client's side is done by its
// first read or write at the latest.
func shake(t testing.TB, server *Conn, conn net.Conn, cfg *tls.Config) (*stdtls.Conn, error) {
	client := stdtls.Client(conn, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- client.HandshakeContext(ctx) }()
	err := server.HandshakeContext(ctx)
	if err != nil {
		conn.SetDeadline(time.Now().Add(time.Second))
	}
	clientErr := <-failed
	if err == nil {
		require.NoError(t, clientErr)
	}
	return client, err
}

// login makes a control connection and lets the client read its ticket.
func login(t testing.TB, s *Session, cfg *tls.Config) (*Conn, *stdtls.Conn) {
	if s.ownerName() == "" {
		s.SetOwner(s.ID())
	}
	server, conn := pipe(t)
	control := s.Control(server)
	client, err := shake(t, control, conn, cfg)
	require.NoError(t, err)
	_, err = control.Write([]byte("220"))
	require.NoError(t, err)
	_, err = io.ReadFull(client, make([]byte, 3))
	require.NoError(t, err)
	t.Cleanup(func() { control.Close() })
	return control, client
}

// data makes a data connection.
func data(t testing.TB, s *Session, reuse tls.Reuse, cfg *tls.Config) (*Conn, *stdtls.Conn, error) {
	server, conn := pipe(t)
	d := s.Data(server, reuse)
	client, err := shake(t, d, conn, cfg)
	t.Cleanup(func() { d.Close() })
	return d, client, err
}

func TestEveryDataConnectionResumes(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		s, cfg := l.Session(), l.client(version)
		control, _ := login(t, s, cfg)
		require.False(t, control.Resumed())
		for range 5 {
			d, client, err := data(t, s, tls.Require, cfg)
			require.NoError(t, err)
			require.True(t, d.Resumed())
			_, err = d.Write([]byte("hello"))
			require.NoError(t, err)
			require.NoError(t, d.CloseWrite())
			got, err := io.ReadAll(client)
			require.NoError(t, err)
			require.Equal(t, "hello", string(got))
			require.NoError(t, client.Close())
			_, err = d.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			require.False(t, d.Truncated())
			require.NoError(t, d.Close())
		}
	})
}
