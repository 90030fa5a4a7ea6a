package tls

import (
	stdtls "crypto/tls"
	"errors"
	"testing"

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
					s := newConn(l.Session(), server, k, Prefer)
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
			_, _, err := data(t, s, Require, cfg)
			require.NoError(t, err)
		}
	})
}

func TestNewLayerRefuses(t *testing.T) {
	good, err := SelfSigned()
	require.NoError(t, err)
	with := func(change func(*Config)) *Config {
		cfg := good.Clone()
		change(cfg)
		return cfg
	}
	for text, cfg := range map[string]*Config{
		"no configuration":    nil,
		"no certificate":      {},
		"lacks its chain":     {Certificates: []Certificate{{}}},
		"tie data connection": with(func(c *Config) { c.WrapSession = good.EncryptTicket }),
		"UnwrapSession":       with(func(c *Config) { c.UnwrapSession = good.DecryptTicket }),
		"accepts no version":  with(func(c *Config) { c.MinVersion, c.MaxVersion = VersionTLS13, VersionTLS12 }),
		"at least TLS 1.2":    with(func(c *Config) { c.MinVersion, c.MaxVersion = 0, stdtls.VersionTLS11 }),
	} {
		_, err := NewLayer(cfg)
		require.ErrorContains(t, err, text)
	}
}

func TestLayerLeavesCallersConfigAlone(t *testing.T) {
	cfg, err := SelfSigned()
	require.NoError(t, err)
	cfg.MinVersion, cfg.NextProtos = 0, []string{"h2"}
	l, err := NewLayer(cfg)
	require.NoError(t, err)
	s, client := l.Session(), l.client(VersionTLS13)
	login(t, s, client)
	require.Equal(t, []string{"h2"}, cfg.NextProtos)
	require.Zero(t, cfg.MinVersion)
	require.False(t, cfg.DynamicRecordSizingDisabled)
	require.Nil(t, cfg.WrapSession)
}

func TestOldVersionsOnlyOnRequest(t *testing.T) {
	cfg, err := SelfSigned()
	require.NoError(t, err)
	for minimum, ok := range map[uint16]bool{0: false, VersionTLS12: false, stdtls.VersionTLS11: true} {
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
	for _, version := range []uint16{VersionTLS12, VersionTLS13} {
		cfg, err := SelfSigned()
		require.NoError(t, err)
		cfg.MinVersion, cfg.MaxVersion = version, version
		l, err := NewLayer(cfg)
		require.NoError(t, err)
		_, client := login(t, l.Session(), l.client(version))
		require.Equal(t, version, client.ConnectionState().Version)
	}
	cfg, err := SelfSigned()
	require.NoError(t, err)
	cfg.MaxVersion = VersionTLS12 // as old as what is accepted unless said otherwise
	_, err = NewLayer(cfg)
	require.NoError(t, err)
}

func TestGetConfigForClient(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		cfg, err := SelfSigned("a.example")
		require.NoError(t, err)
		other, err := SelfSigned("localhost")
		require.NoError(t, err)
		refused := errors.New("not today")
		cfg.GetConfigForClient = func(hello *ClientHelloInfo) (*Config, error) {
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
		client.RootCAs.AppendCertsFromPEM(CertPEM(other))

		s := l.Session()
		_, c := login(t, s, client)
		require.Equal(t, Fingerprint(other), FingerprintOf(c.ConnectionState().PeerCertificates[0]))
		_, _, err = data(t, s, Require, client)
		require.NoError(t, err, "what the caller returns is bound to the session too")
		foreign := client.Clone()
		foreign.ClientSessionCache = stdtls.NewLRUClientSessionCache(1)
		login(t, l.Session(), foreign)
		_, _, err = data(t, s, Prefer, foreign)
		require.ErrorIs(t, err, ErrForeign)
		require.Nil(t, other.WrapSession)

		client.ServerName = "a.example"
		_, c = login(t, l.Session(), client)
		require.Equal(t, Fingerprint(cfg), FingerprintOf(c.ConnectionState().PeerCertificates[0]))

		client.ServerName = "refused"
		server, conn := pipe(t)
		_, err = shake(t, l.Session().Control(server), conn, client)
		require.ErrorIs(t, err, refused)
		server.Close()
	})
}
