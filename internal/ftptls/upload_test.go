package ftptls

import (
	"bytes"
	"context"
	stdtls "crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// frugal reads no byte more than the record crypto/tls is after, as OpenSSL
// does, so that a ticket nobody asked for stays in the kernel.
type frugal struct {
	net.Conn
	f framer
}

func (c *frugal) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(c.f.want(), len(p))])
	c.f.skip(p[:n])
	return n, err
}

// These are the ways in which an uploader that never reads ends.
func cutAtOnce(c *stdtls.Conn) { c.NetConn().Close() }
func notify(c *stdtls.Conn)    { c.Close() }
func cutLater(c *stdtls.Conn)  { time.Sleep(time.Millisecond); c.NetConn().Close() }

// abrupt uploads content on a new data connection and ends without having read
// anything. It returns what arrives.
func abrupt(t *testing.T, s *Session, cfg *tls.Config, content []byte, end func(*stdtls.Conn)) ([]byte, error) {
	server, conn := pipe(t)
	return abruptTo(t, s.Data(server, tls.Off), conn, cfg, content, end)
}

// hasty does what abrupt does, against a server that has crypto/tls alone, which
// sends its ticket at once.
func hasty(t *testing.T, l *Layer, cfg *tls.Config, content []byte, end func(*stdtls.Conn)) ([]byte, error) {
	server, conn := pipe(t)
	return abruptTo(t, stdtls.Server(server, l.base.Clone()), conn, cfg, content, end)
}

// receiver is the server's end of a data connection.
type receiver interface {
	io.ReadCloser
	HandshakeContext(context.Context) error
}

func abruptTo(t *testing.T, d receiver, conn net.Conn, cfg *tls.Config, content []byte, end func(*stdtls.Conn)) ([]byte, error) {
	defer d.Close()
	done := make(chan error, 1)
	go func() {
		client := stdtls.Client(&frugal{Conn: conn}, cfg)
		_, err := client.Write(content)
		end(client)
		done <- err
	}()
	require.NoError(t, d.HandshakeContext(t.Context()))
	require.NoError(t, <-done)
	time.Sleep(500 * time.Microsecond) // a RST needs time to do its harm
	return io.ReadAll(d)
}

func TestNoUploadIsLostToATicket(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		s, cfg := l.Session(), l.client(version)
		login(t, s, cfg)
		content := bytes.Repeat([]byte("x"), 1000)
		ends := []func(*stdtls.Conn){cutAtOnce, notify, cutLater}
		for n := range 200 {
			use := cfg
			if n%10 == 0 {
				use = cfg.Clone()
				use.ClientSessionCache = &countingCache{} // a full handshake
			}
			got, err := abrupt(t, s, use, content, ends[n%len(ends)])
			require.NoError(t, err)
			require.Equal(t, content, got)
		}
	})
}

// Where the ticket is sent at once uploads are lost, so the tests above test
// something.
func TestTicketSentAtOnceLosesUploads(t *testing.T) {
	l := newLayer(t)
	cfg := l.client(tls.VersionTLS13)
	lost := 0
	for range 50 {
		if got, err := hasty(t, l, cfg, make([]byte, 1000), cutAtOnce); err != nil || len(got) < 1000 {
			lost++
		}
	}
	t.Logf("%d of 50 uploads damaged", lost)
	if lost == 0 {
		t.Skip("this system's TCP does not harm unread data by RST")
	}
}

func TestTicketWaits(t *testing.T) {
	l := newLayer(t)
	cfg := l.client(tls.VersionTLS13)
	for name, release := range map[string]func(d *Conn) error{
		"write":      func(d *Conn) error { d.Write([]byte("x")); return d.Flush() },
		"CloseWrite": (*Conn).CloseWrite,
		"Close":      (*Conn).Close,
	} {
		t.Run(name, func(t *testing.T) {
			cache := &countingCache{}
			cfg := cfg.Clone()
			cfg.ClientSessionCache = cache
			d, client, err := data(t, l.Session(), tls.Off, cfg)
			require.NoError(t, err)
			require.NoError(t, d.Flush())
			client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, err = client.Read(make([]byte, 1))
			require.Error(t, err)
			require.Zero(t, cache.puts, "the ticket came too early")
			client.SetReadDeadline(time.Now().Add(10 * time.Second))
			require.NoError(t, release(d))
			client.Read(make([]byte, 1))
			require.Equal(t, 1, cache.puts)
		})
	}
}

type countingCache struct{ puts int }

func (c *countingCache) Get(string) (*stdtls.ClientSessionState, bool)  { return nil, false }
func (c *countingCache) Put(_ string, state *stdtls.ClientSessionState) { c.puts++ }
