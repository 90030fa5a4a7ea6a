package ftptls

import (
	"bytes"
	"crypto/x509"
	"testing"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// identity makes a client certificate and a pool that trusts it.
func identity(t *testing.T, pool *x509.CertPool) tls.Certificate {
	cfg, err := tls.SelfSigned("client")
	require.NoError(t, err)
	cert := cfg.Certificates[0]
	pool.AddCert(cert.Leaf)
	return cert
}

func certLayer(t *testing.T, auth tls.ClientAuthType) (*Layer, *x509.CertPool) {
	cfg, err := tls.SelfSigned()
	require.NoError(t, err)
	cfg.ClientAuth, cfg.ClientCAs = auth, x509.NewCertPool()
	l, err := NewLayer(cfg)
	require.NoError(t, err)
	return l, cfg.ClientCAs
}

func TestClientCertificates(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for _, c := range []struct {
			name          string
			control, data string // who presents a certificate
			resume        bool
			want          error
		}{
			{"same", "alice", "alice", false, nil},
			{"same, resumed", "alice", "alice", true, nil},
			{"other", "alice", "bob", false, tls.ErrOtherCertificate},
			{"none on data", "alice", "", false, nil},
			{"none on control", "", "bob", false, nil},
			{"none", "", "", false, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				l, pool := certLayer(t, tls.RequestClientCert)
				people := map[string]tls.Certificate{"alice": identity(t, pool), "bob": identity(t, pool)}
				client := func(name string) *tls.Config {
					cfg := l.client(version)
					if name != "" {
						cfg.Certificates = []tls.Certificate{people[name]}
					}
					return cfg
				}
				s := l.Session()
				control := client(c.control)
				login(t, s, control)
				use := client(c.data)
				if c.resume {
					use = control
				}
				d, _, err := data(t, s, tls.Prefer, use)
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.resume, d.Resumed())
			})
		}
	})
}

// With client certificates the TLS 1.3 ticket is a flight of its own, and no
// upload is lost either.
func TestNoUploadIsLostWithClientCertificates(t *testing.T) {
	l, pool := certLayer(t, tls.RequestClientCert)
	s, cfg := l.Session(), l.client(tls.VersionTLS13)
	cfg.Certificates = []tls.Certificate{identity(t, pool)}
	cfg.ClientSessionCache = &countingCache{} // without a cache Go asks for no ticket
	content := bytes.Repeat([]byte("x"), 1000)
	for range 50 {
		got, err := abrupt(t, s, cfg, content, cutLater)
		require.NoError(t, err)
		require.Equal(t, content, got)
	}
	lost := 0
	for range 20 {
		if got, err := hasty(t, l, cfg, content, cutLater); err != nil || len(got) < len(content) {
			lost++
		}
	}
	t.Logf("sent at once: %d of 20 damaged", lost)
	if lost == 0 {
		t.Skip("this system's TCP does not harm unread data by RST")
	}
}

func TestRequiredClientCertificate(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l, pool := certLayer(t, tls.RequireAnyClientCert)
		s, cfg := l.Session(), l.client(version)
		cfg.Certificates = []tls.Certificate{identity(t, pool)}
		login(t, s, cfg)
		_, _, err := data(t, s, tls.Require, cfg)
		require.NoError(t, err)

		server, conn := pipe(t)
		d := s.Data(server, tls.Prefer)
		defer d.Close()
		cfg = l.client(version)
		_, err = shake(t, d, conn, cfg)
		require.ErrorContains(t, err, "certificate")
	})
}

// A ticket that fills several records, by a long chain of client certificates,
// is held back whole.
func TestTicketOfSeveralRecords(t *testing.T) {
	l, pool := certLayer(t, tls.RequestClientCert)
	s, cfg := l.Session(), l.client(tls.VersionTLS13)
	cert := identity(t, pool)
	for size := 0; size < 2*maxPlaintext; size += len(cert.Certificate[0]) {
		cert.Certificate = append(cert.Certificate, cert.Certificate[0])
	}
	cfg.Certificates = []tls.Certificate{cert}
	for range 2 { // the second time resumed
		d, client, err := data(t, s, tls.Prefer, cfg)
		require.NoError(t, err)
		require.Greater(t, len(d.out.pending), 2*maxPlaintext)
		_, err = d.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, d.CloseWrite())
		got := make([]byte, 2)
		n, err := client.Read(got)
		require.NoError(t, err)
		require.Equal(t, "x", string(got[:n]))
		require.NoError(t, d.Close())
	}
}
