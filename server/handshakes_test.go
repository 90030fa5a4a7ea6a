package server_test

import (
	"bytes"
	"crypto"
	stdtls "crypto/tls"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// heldKey counts what it signs for clients at one address, and signs when the test
// says so.
type heldKey struct {
	crypto.Signer
	signing atomic.Int32
	held    chan struct{}
}

func (k *heldKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.signing.Add(1)
	<-k.held
	return k.Signer.Sign(rand, digest, opts)
}

// hold makes the server's key a heldKey for clients at an address.
func (k *heldKey) hold(at netip.Addr) func(*server.Server) {
	return func(srv *server.Server) {
		good := srv.TLS.Certificates[0]
		bad := good
		k.Signer, k.held = good.PrivateKey.(crypto.Signer), make(chan struct{})
		bad.PrivateKey = k
		srv.TLS = &tls.Config{GetCertificate: func(hello *stdtls.ClientHelloInfo) (*stdtls.Certificate, error) {
			if strings.HasPrefix(hello.Conn.RemoteAddr().String(), at.String()+":") {
				return &bad, nil
			}
			return &good, nil
		}, CurvePreferences: []stdtls.CurveID{stdtls.CurveP256}}
	}
}

// placesOfOne returns how many handshakes of one network compute at once.
func placesOfOne() int { return max(runtime.GOMAXPROCS(0), 2) - 1 }

// firstFlight records the ClientHello of somebody who knows what the server accepts.
func firstFlight(t *testing.T, cfg *stdtls.Config) []byte {
	cfg = cfg.Clone()
	cfg.CurvePreferences = []stdtls.CurveID{stdtls.CurveP256}
	conn := &recorder{}
	require.Error(t, stdtls.Client(conn, cfg).Handshake())
	return conn.sent.Bytes()
}

// recorder is a connection to nobody.
type recorder struct {
	net.Conn
	sent bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) { return r.sent.Write(p) }
func (*recorder) Read([]byte) (int, error)      { return 0, io.EOF }
func (*recorder) Close() error                  { return nil }

// Row 10: one address replays a ClientHello on connection after connection. The server
// computes for few of these at once, and everybody else gets a handshake. A signature
// that takes long, as from another host, holds a place for no more than a second. A
// client that gets no turn within HandshakeTimeout is let go.
func TestHandshakesTakeTurns(t *testing.T) {
	for _, port := range []uint16{explicitPort, implicitPort} {
		attacker := netip.MustParseAddr("198.51.100.66")
		var key heldKey
		fake(t, func(t *testing.T, fs *fakeServer) {
			each := placesOfOne()
			hello := firstFlight(t, fs.Config)
			many := 20 * each
			for range many {
				conn := fs.tcp(t, attacker, port, buffer)
				if port == explicitPort {
					conn.Write([]byte("AUTH TLS\r\n"))
					synctest.Wait()
				}
				conn.Write(hello)
			}
			synctest.Wait()
			require.EqualValues(t, each, key.signing.Load())

			c := fs.from(t, memClient.String())
			after(t, 0, func() {
				c.expect(220)
				c.authTLS()
			})
			c.cmd(221, "QUIT")

			time.Sleep(server.DefaultHandshakeTimeout - time.Millisecond)
			synctest.Wait()
			require.EqualValues(t, 10*each, key.signing.Load())
			require.Len(t, fs.Sessions(), many)
			time.Sleep(time.Millisecond)
			synctest.Wait()
			require.NotEmpty(t, fs.lines("other handshakes came first"))
			close(key.held)
			synctest.Wait()
			require.LessOrEqual(t, int(key.signing.Load()), 11*each)
			require.Empty(t, fs.Sessions())
		}, key.hold(attacker))
	}
}

// A client whose first key share is of no use to the server says hello twice (RFC
// 8446, section 4.1.4). The computation that follows the second ClientHello needs a
// turn as well.
func TestSecondHelloNeedsTurn(t *testing.T) {
	var key heldKey
	fake(t, func(t *testing.T, fs *fakeServer) {
		each := placesOfOne()
		retrying := &pausedConn{Conn: fs.tcp(t, memClient, implicitPort, buffer), pause: make(chan struct{})}
		cfg := fs.Config.Clone()
		cfg.CurvePreferences = []stdtls.CurveID{stdtls.X25519, stdtls.CurveP256}
		done := make(chan error)
		go func() { done <- stdtls.Client(retrying, cfg).Handshake() }()
		synctest.Wait()
		require.Equal(t, 1, retrying.flights)
		require.Zero(t, key.signing.Load())

		hello := firstFlight(t, fs.Config)
		for range each {
			fs.tcp(t, memClient, implicitPort, buffer).Write(hello)
		}
		synctest.Wait()
		require.EqualValues(t, each, key.signing.Load())
		close(retrying.pause)
		synctest.Wait()
		require.EqualValues(t, each, key.signing.Load())
		close(key.held)
		require.NoError(t, <-done)
	}, key.hold(memClient))
}

// pausedConn holds what comes after the first flight until the test lets it go.
type pausedConn struct {
	net.Conn
	flights int
	pause   chan struct{}
}

func (c *pausedConn) Write(p []byte) (int, error) {
	if c.flights > 0 {
		<-c.pause
	}
	c.flights++
	return c.Conn.Write(p)
}

// Close ends the handshakes that wait for a turn.
func TestCloseEndsWaitingHandshakes(t *testing.T) {
	var key heldKey
	fake(t, func(t *testing.T, fs *fakeServer) {
		hello := firstFlight(t, fs.Config)
		for range 10 + placesOfOne() {
			fs.tcp(t, memClient, implicitPort, buffer).Write(hello)
		}
		synctest.Wait()
		time.AfterFunc(time.Millisecond, func() { close(key.held) })
		after(t, time.Millisecond, func() { require.NoError(t, fs.Close()) })
		require.EqualValues(t, placesOfOne(), key.signing.Load())
	}, key.hold(memClient))
}
