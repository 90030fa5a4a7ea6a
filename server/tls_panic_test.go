package server_test

import (
	"context"
	"crypto"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// callbacks lists the functions of the embedder's TLS configuration that a handshake
// calls. Each entry has one of them call act first.
var callbacks = []struct {
	name string
	full bool // only a full handshake calls it, since resumption shows no certificate
	set  func(cfg *tls.Config, act func())
}{
	{"GetConfigForClient", false, func(cfg *tls.Config, act func()) {
		cfg.GetConfigForClient = func(*stdtls.ClientHelloInfo) (*stdtls.Config, error) { act(); return nil, nil }
	}},
	{"GetCertificate", true, func(cfg *tls.Config, act func()) {
		cert := cfg.Certificates[0]
		cfg.Certificates = nil
		cfg.GetCertificate = func(*stdtls.ClientHelloInfo) (*stdtls.Certificate, error) { act(); return &cert, nil }
	}},
	{"VerifyConnection", false, func(cfg *tls.Config, act func()) {
		cfg.VerifyConnection = func(stdtls.ConnectionState) error { act(); return nil }
	}},
	{"VerifyConnection of another configuration", false, func(cfg *tls.Config, act func()) {
		other := cfg.Clone()
		other.VerifyConnection = func(stdtls.ConnectionState) error { act(); return nil }
		cfg.GetConfigForClient = func(*stdtls.ClientHelloInfo) (*stdtls.Config, error) { return other, nil }
	}},
	{"a key that is elsewhere", true, func(cfg *tls.Config, act func()) {
		cert := cfg.Certificates[0]
		cert.PrivateKey = remoteKey{cert.PrivateKey.(crypto.Signer), act}
		cfg.Certificates = []stdtls.Certificate{cert}
	}},
}

// handshakes lists the places where a handshake of a session can panic. Each entry
// brings that handshake about for the client c, whose session goes on. nil is the
// handshake of the control connection, which ends its session.
var handshakes = []struct {
	name string
	play func(t *testing.T, ts *testServer, c *client)
}{
	{"implicit control", nil},
	{"explicit control", nil},
	{"data, before the transfer is asked for", func(t *testing.T, ts *testServer, c *client) {
		shakeInVain(t, c.dataTCP(c.pasv()), c.TLS)
	}},
	{"data, after 150", func(t *testing.T, ts *testServer, c *client) {
		at := c.pasv()
		raw := c.dataTCP(at)
		c.cmd(150, "RETR a")
		shakeInVain(t, raw, c.TLS)
		if c.TLS.ClientSessionCache == nil {
			c.expect(425) // the only connection has failed, and came without a claim
			return
		}
		require.Equal(t, "old", readAll(t, c.dataTLS(c.dataTCP(at))))
		c.expect(226)
	}},
	{"data of active mode", func(t *testing.T, ts *testServer, c *client) {
		ln, at := port(t, "127.0.0.1:0")
		c.cmd(200, "PORT %s", wire.FormatPort(at))
		c.cmd(150, "RETR a")
		raw, err := ln.Accept()
		require.NoError(t, err)
		shakeInVain(t, raw, c.TLS)
		c.expect(425)
	}},
}

// A panic of the embedder's TLS functions ends the connection that they were called
// for. If it is a data connection, which may be anybody's, the session goes on. Nothing
// of the connection stays, and everybody else is served.
func TestTLSCallbackPanics(t *testing.T) {
	for _, callback := range callbacks {
		for _, h := range handshakes {
			for _, resumes := range []bool{false, true} {
				name := callback.name + "/" + h.name
				switch {
				case resumes && (h.play == nil || callback.full):
					continue // a control connection never resumes
				case resumes:
					name += ", resumed"
				}
				t.Run(name, func(t *testing.T) { panicInHandshake(t, callback.set, h.name, h.play, resumes) })
			}
		}
	}
}

func panicInHandshake(t *testing.T, set func(*tls.Config, func()), where string, play func(*testing.T, *testServer, *client), resumes bool) {
	var armed atomic.Bool
	ports := passive.Any()
	ts := start(t, func(srv *server.Server) {
		srv.Passive, srv.Active = ports, &server.Active{}
		srv.TLS = certificate().Clone()
		set(srv.TLS, func() {
			if armed.Swap(false) {
				panic("boom")
			}
		})
	})
	ts.Config = trust(certificate())
	ts.writeFile(t, "a", "old")
	other := ts.login(t)
	waiting := other.dataTCP(other.pasv())

	if play != nil {
		c := ts.login(t)
		if !resumes {
			c.TLS.ClientSessionCache = nil
		}
		armed.Store(true)
		play(t, ts, c)
		require.Equal(t, "old", c.get("RETR a"))
		c.cmd(221, "QUIT")
	} else {
		addr := ts.ImplicitAddr
		if strings.HasPrefix(where, "explicit") {
			addr = ts.Addr
		}
		c := newClient(t, dialTCP(t, addr), ts.Config)
		if addr == ts.Addr {
			c.expect(220)
			c.cmd(234, "AUTH TLS")
		}
		armed.Store(true)
		shakeInVain(t, c.Conn, c.TLS)
	}
	require.False(t, armed.Load(), "nothing has panicked")
	eventually(t, "the session's end", func() bool { return len(ts.Sessions()) == 1 })
	require.Contains(t, ts.Log.String(), "boom")
	require.Equal(t, 1, strings.Count(ts.Log.String(), "msg=panic"))
	require.Equal(t, 1, server.TLSSessions(ts.Server))

	other.cmd(150, "RETR a")
	require.Equal(t, "old", readAll(t, other.dataTLS(waiting)))
	other.expect(226)
	ts.login(t).put("new", "STOR a")
	require.Equal(t, "new", other.get("RETR a"))
	eventually(t, "the ports' being free", func() bool {
		s := ports.Stats()
		return s.Leases+s.Untaken+s.Waiting+s.Unproven == 0
	})
}

// A KeyLogWriter that panics fails one handshake: crypto/tls calls it under a lock that all handshakes take.
func TestKeyLogWriterPanics(t *testing.T) {
	for _, chosen := range []bool{false, true} {
		var armed atomic.Bool
		ts := start(t, func(srv *server.Server) {
			srv.TLS = certificate().Clone()
			srv.TLS.KeyLogWriter = panicking(armed.Swap)
			if chosen {
				other := srv.TLS.Clone()
				srv.TLS.KeyLogWriter = nil
				srv.TLS.GetConfigForClient = func(*stdtls.ClientHelloInfo) (*stdtls.Config, error) { return other, nil }
			}
		})
		ts.Config = trust(certificate())
		armed.Store(true)
		shakeInVain(t, dialTCP(t, ts.ImplicitAddr), ts.Config)
		require.False(t, armed.Load())
		ts.login(t).put("new", "STOR a")
	}
}

// panicking is a writer that panics if disarm(false) says so.
type panicking func(bool) bool

func (disarm panicking) Write(p []byte) (int, error) {
	if disarm(false) {
		panic("boom")
	}
	return len(p), nil
}

// A thief who overheard the ticket of a session and shows it from elsewhere can bring
// about a panic in a handshake on behalf of that session. The session goes on.
func TestStrangersHandshakePanics(t *testing.T) {
	for _, asked := range []bool{false, true} {
		t.Run(fmt.Sprint("transfer asked for: ", asked), func(t *testing.T) {
			var armed atomic.Bool
			ts := start(t, func(srv *server.Server) {
				srv.Passive, srv.SessionReuse = onePort(t), tls.Require
				srv.TLS = certificate().Clone()
				srv.TLS.GetConfigForClient = func(*stdtls.ClientHelloInfo) (*stdtls.Config, error) {
					if armed.Swap(false) {
						panic("boom")
					}
					return nil, nil
				}
			})
			ts.Config = trust(certificate())
			ts.writeFile(t, "a", "secret")
			cfg := ts.Config.Clone()
			cfg.ClientSessionCache = new(keeper)
			owner := ts.loginWith(t, cfg)
			overheard := sniff(t, owner, "a")

			at := owner.pasv()
			if asked {
				owner.cmd(150, "RETR a")
			}
			armed.Store(true)
			conn, err := stranger(t, at)
			require.NoError(t, err)
			overheard.hello[5+4+2] ^= 1 // the random after three headers: a ClientHello counts once
			_, err = conn.Write(overheard.hello)
			require.NoError(t, err)
			eventually(t, "the panic", func() bool { return strings.Contains(ts.Log.String(), "boom") })
			if !asked {
				owner.cmd(150, "RETR a")
			}
			require.Equal(t, "secret", readAll(t, owner.dataTLS(owner.dataTCP(at))))
			owner.expect(226)
		})
	}
}

// shakeInVain begins a handshake that the server does not end, and demands that
// the connection ends.
func shakeInVain(t *testing.T, conn net.Conn, cfg *stdtls.Config) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	sec := stdtls.Client(conn, cfg)
	err := sec.HandshakeContext(context.Background())
	if err == nil { // TLS 1.3: the client is done before the server verifies
		_, err = io.Copy(io.Discard, sec)
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection stays open")
	conn.Close()
}

// remoteKey is a private key that another program holds and uses.
type remoteKey struct {
	crypto.Signer
	act func()
}

func (k remoteKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.act()
	return k.Signer.Sign(rand, digest, opts)
}
