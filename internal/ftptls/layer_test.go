package ftptls

import (
	stdtls "crypto/tls"
	"errors"
	"testing"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

func TestALPN(t *testing.T) {
	for _, c := range []struct {
		who           string
		offer         []string
		control, data string // "-" for a refusal
	}{
		{"most clients", nil, "", ""},
		{"curl", []string{"ftp"}, "ftp", "ftp"},
		{"FileZilla, control", []string{"x-filezilla-ftp", "ftp"}, "ftp", "ftp"},
		{"FileZilla, data, with its own server", []string{"ftp-data"}, "-", "ftp-data"},
		{"a browser", []string{"h2", "http/1.1"}, "-", "-"},
		{"a browser without HTTP/2", []string{"http/1.1"}, "-", "-"},
		{"FileZilla's own protocol only", []string{"x-filezilla-ftp"}, "-", "-"},
	} {
		t.Run(c.who, func(t *testing.T) {
			versions(t, func(t *testing.T, version uint16) {
				l := newLayer(t)
				for k, want := range map[kind]string{kindControl: c.control, kindData: c.data} {
					cfg := l.client(version)
					cfg.NextProtos = c.offer
					server, conn := pipe(t)
					s := newConn(l.Session(), server, k, tls.Prefer)
					client, err := shake(t, s, conn, cfg)
					if want == "-" {
						require.ErrorContains(t, err, "did not mean to speak FTP")
					} else {
						require.NoError(t, err)
						require.Equal(t, want, client.ConnectionState().NegotiatedProtocol)
					}
					s.Close()
				}
			})
		})
	}
}

// The protocol may change between a control connection and the data
// connections that resume it.
func TestALPNDoesNotHinderResumption(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		for _, offer := range [][]string{nil, {"ftp"}, {"ftp-data"}} {
			l := newLayer(t)
			s, cfg := l.Session(), l.client(version)
			cfg.NextProtos = []string{"ftp"}
			login(t, s, cfg)
			cfg.NextProtos = offer
			_, _, err := data(t, s, tls.Require, cfg)
			require.NoError(t, err)
		}
	})
}

func TestNewLayerRefuses(t *testing.T) {
	good, err := tls.SelfSigned()
	require.NoError(t, err)
	with := func(change func(*tls.Config)) *tls.Config {
		cfg := good.Clone()
		change(cfg)
		return cfg
	}
	for text, cfg := range map[string]*tls.Config{
		"no configuration":    nil,
		"no certificate":      {},
		"lacks its chain":     {Certificates: []tls.Certificate{{}}},
		"tie data connection": with(func(c *tls.Config) { c.WrapSession = good.EncryptTicket }),
		"UnwrapSession":       with(func(c *tls.Config) { c.UnwrapSession = good.DecryptTicket }),
		"accepts no version":  with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS12 }),
		"at least TLS 1.2":    with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = 0, stdtls.VersionTLS11 }),
	} {
		_, err := NewLayer(cfg)
		require.ErrorContains(t, err, text)
	}
}

func TestLayerLeavesCallersConfigAlone(t *testing.T) {
	cfg, err := tls.SelfSigned()
	require.NoError(t, err)
	cfg.MinVersion, cfg.NextProtos = 0, []string{"h2"}
	l, err := NewLayer(cfg)
	require.NoError(t, err)
	s, client := l.Session(), l.client(tls.VersionTLS13)
	login(t, s, client)
	require.Equal(t, []string{"h2"}, cfg.NextProtos)
	require.Zero(t, cfg.MinVersion)
	require.False(t, cfg.DynamicRecordSizingDisabled)
	require.Nil(t, cfg.WrapSession)
}

func TestOldVersionsOnlyOnRequest(t *testing.T) {
	cfg, err := tls.SelfSigned()
	require.NoError(t, err)
	for minimum, ok := range map[uint16]bool{0: false, tls.VersionTLS12: false, stdtls.VersionTLS11: true} {
		cfg.MinVersion = minimum
		l, err := NewLayer(cfg)
		require.NoError(t, err)
		client := l.client(stdtls.VersionTLS11)
		client.MinVersion = stdtls.VersionTLS11
		server, conn := pipe(t)
		s := l.Session().Control(server)
		_, err = shake(t, s, conn, client)
		if ok {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "older than this server accepts")
		}
		s.Close()
	}
}

// One version may be the oldest and the newest.
func TestOneVersion(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg, err := tls.SelfSigned()
		require.NoError(t, err)
		cfg.MinVersion, cfg.MaxVersion = version, version
		l, err := NewLayer(cfg)
		require.NoError(t, err)
		_, client := login(t, l.Session(), l.client(version))
		require.Equal(t, version, client.ConnectionState().Version)
	}
	cfg, err := tls.SelfSigned()
	require.NoError(t, err)
	cfg.MaxVersion = tls.VersionTLS12 // as old as what is accepted unless said otherwise
	_, err = NewLayer(cfg)
	require.NoError(t, err)
}

func TestGetConfigForClient(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		cfg, err := tls.SelfSigned("a.example")
		require.NoError(t, err)
		other, err := tls.SelfSigned("localhost")
		require.NoError(t, err)
		refused := errors.New("not today")
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			switch hello.ServerName {
			case "localhost":
				return other, nil
			case "refused":
				return nil, refused
			}
			return nil, nil
		}
		l, err := NewLayer(cfg)
		require.NoError(t, err)
		client := l.client(version)
		client.RootCAs.AppendCertsFromPEM(tls.CertPEM(other))

		s := l.Session()
		_, c := login(t, s, client)
		require.Equal(t, tls.Fingerprint(other), tls.FingerprintOf(c.ConnectionState().PeerCertificates[0]))
		_, _, err = data(t, s, tls.Require, client)
		require.NoError(t, err, "what the caller returns is bound to the session too")
		foreign := client.Clone()
		foreign.ClientSessionCache = stdtls.NewLRUClientSessionCache(1)
		login(t, l.Session(), foreign)
		_, _, err = data(t, s, tls.Prefer, foreign)
		require.ErrorIs(t, err, tls.ErrForeign)
		require.Nil(t, other.WrapSession)

		client.ServerName = "a.example"
		_, c = login(t, l.Session(), client)
		require.Equal(t, tls.Fingerprint(cfg), tls.FingerprintOf(c.ConnectionState().PeerCertificates[0]))

		client.ServerName = "refused"
		server, conn := pipe(t)
		_, err = shake(t, l.Session().Control(server), conn, client)
		require.ErrorIs(t, err, refused)
		server.Close()
	})
}
