package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdtls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// disk is a directory with certificates.
type disk struct {
	t   *testing.T
	dir string
}

func newDisk(t *testing.T) *disk { return &disk{t, t.TempDir()} }

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *disk) write(name string, data []byte) string {
	require.NoError(d.t, os.WriteFile(d.path(name), data, 0o600))
	return d.path(name)
}

// pair makes a certificate for host and writes it to name.pem and name.key.
func (d *disk) pair(name, host string) (cert, key string) {
	c, k := makePair(d.t, time.Now(), host)
	return d.write(name+".pem", c), d.write(name+".key", k)
}

func makePair(t *testing.T, now time.Time, host string) (certPEM, keyPEM []byte) {
	cert, err := selfSigned([]string{host}, now)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestLoadErrors(t *testing.T) {
	d := newDisk(t)
	cert, key := d.pair("a", "a.example")
	_, otherKey := d.pair("b", "b.example")
	garbage := d.write("garbage", []byte("hello"))
	certPEM, err := os.ReadFile(cert)
	require.NoError(t, err)
	otherPEM, err := os.ReadFile(d.path("b.pem"))
	require.NoError(t, err)
	wrongOrder := d.write("order", append(bytes.Clone(otherPEM), certPEM...))
	encrypted := d.write("encrypted", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	broken := d.write("broken", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	brokenCert := d.write("brokencert", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	for _, c := range []struct{ cert, key, text string }{
		{d.path("none"), key, "tls: certificate: "},
		{cert, d.path("none"), "private key: "},
		{garbage, key, "garbage holds no certificate"},
		{cert, garbage, "garbage holds no private key"},
		{key, cert, "are the two files swapped?"},
		{cert, otherKey, "b.key does not match the certificate in " + cert},
		{wrongOrder, key, "belongs to certificate 2; it must come first"},
		{cert, encrypted, "is encrypted"},
		{cert, broken, "cannot be read"},
		{brokenCert, key, "certificate 1"},
	} {
		_, err := Load(c.cert, c.key)
		require.ErrorContains(t, err, c.text)
	}
	_, err = Load(cert, key, cert)
	require.ErrorContains(t, err, "come in pairs")
	_, err = Load(cert, key, garbage, key)
	require.ErrorContains(t, err, "garbage")
}

func TestLoadOneFile(t *testing.T) {
	d := newDisk(t)
	cert, key := makePair(t, time.Now(), "localhost")
	both := d.write("both", append(key, cert...))
	cfg, err := Load(both, both)
	require.NoError(t, err)
	require.Equal(t, cert, CertPEM(cfg))
}

func TestLoadExpired(t *testing.T) {
	d := newDisk(t)
	cert, key := makePair(t, time.Now().Add(-selfSignedLife-48*time.Hour), "localhost")
	var log bytes.Buffer
	_, err := Loader{Logger: slog.New(slog.NewTextHandler(&log, nil))}.
		Load(d.write("a", cert), d.write("k", key))
	require.NoError(t, err)
	require.Contains(t, log.String(), "certificate has expired")
}

func TestLoadBySNI(t *testing.T) {
	d := newDisk(t)
	a, aKey := d.pair("a", "a.example")
	b, bKey := d.pair("b", "*.b.example")
	cfg, err := Load(a, aKey, b, bKey)
	require.NoError(t, err)
	for name, want := range map[string]string{
		"a.example": a, "A.example": a, "x.b.example": b, "c.example": a, "": a, "192.0.2.1": a,
	} {
		client := &Config{InsecureSkipVerify: true, ServerName: name}
		got := handshake(t, cfg, client)
		wantPEM, err := os.ReadFile(want)
		require.NoError(t, err)
		block, _ := pem.Decode(wantPEM)
		require.Equal(t, fingerprint(block.Bytes), FingerprintOf(got.PeerCertificates[0]), name)
	}
}

// handshake returns what the client sees of a server with cfg.
func handshake(t *testing.T, cfg, client *Config) ConnectionState {
	near, far := net.Pipe()
	server, conn := stdtls.Server(near, cfg), stdtls.Client(far, client)
	t.Cleanup(func() { near.Close(); far.Close() })
	failed := make(chan error, 1)
	go func() { failed <- server.HandshakeContext(t.Context()) }()
	require.NoError(t, conn.HandshakeContext(t.Context()))
	_, err := io.ReadFull(conn, nil)
	require.NoError(t, err)
	return conn.ConnectionState()
}

func TestReload(t *testing.T) {
	d := newDisk(t)
	cert, key := d.pair("a", "localhost")
	var log bytes.Buffer
	s := &store{logger: slog.New(slog.NewTextHandler(&log, nil)), now: time.Now}
	f, err := s.open(pair{cert, key})
	require.NoError(t, err)
	s.files = []*file{f}
	s.publish()
	var clock time.Duration
	start := time.Now()
	s.now = func() time.Time { return start.Add(clock) }
	serving := func() []byte {
		got, err := s.choose(&ClientHelloInfo{})
		require.NoError(t, err)
		return CertPEM(&Config{Certificates: []Certificate{*got}})
	}
	first, err := os.ReadFile(cert)
	require.NoError(t, err)
	clock += 10 * time.Second
	require.Equal(t, first, serving())
	require.Empty(t, log.String())

	second, secondKey := makePair(t, time.Now(), "localhost")
	d.write("a.pem", second)
	require.Equal(t, first, serving(), "not looked yet")
	for range 3 {
		clock += 2 * lookEvery
		require.Equal(t, first, serving(), "the key is still missing")
	}
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=ERROR")), log.String())
	require.Contains(t, log.String(), "does not match")

	d.write("a.key", secondKey[:len(secondKey)/2])
	clock += 2 * lookEvery
	require.Equal(t, first, serving(), "half a key")
	d.write("a.key", secondKey)
	clock += 2 * lookEvery
	require.Equal(t, second, serving())
	require.Contains(t, log.String(), "certificate renewed")
	require.NotContains(t, log.String(), "PRIVATE")

	require.NoError(t, os.Remove(key))
	clock += 2 * lookEvery
	require.Equal(t, second, serving())

	// certbot and Kubernetes renew a certificate by moving a link.
	third, thirdKey := makePair(t, time.Now(), "localhost")
	d.write("3.pem", third)
	d.write("3.key", thirdKey)
	require.NoError(t, os.Remove(cert))
	if err := os.Symlink(d.path("3.pem"), cert); err != nil {
		t.Skip("no symbolic links:", err)
	}
	require.NoError(t, os.Symlink(d.path("3.key"), key))
	clock += 2 * lookEvery
	require.Equal(t, third, serving())
}

// A clock that is set back, as at the first contact with a time server, does not
// stop the renewal of certificates until the clock is where it was.
func TestReloadAfterClockWasSetBack(t *testing.T) {
	d := newDisk(t)
	cert, key := d.pair("a", "localhost")
	clock := time.Now()
	s := &store{logger: slog.New(slog.DiscardHandler), now: func() time.Time { return clock }}
	f, err := s.open(pair{cert, key})
	require.NoError(t, err)
	s.files = []*file{f}
	s.publish()
	second, secondKey := makePair(t, time.Now(), "localhost")
	d.write("a.pem", second)
	d.write("a.key", secondKey)
	clock = clock.Add(-time.Hour)
	got, err := s.choose(&ClientHelloInfo{})
	require.NoError(t, err)
	require.Equal(t, second, CertPEM(&Config{Certificates: []Certificate{*got}}))

	third, thirdKey := makePair(t, time.Now(), "localhost")
	d.write("a.pem", third)
	d.write("a.key", thirdKey)
	got, err = s.choose(&ClientHelloInfo{})
	require.NoError(t, err)
	require.Equal(t, second, CertPEM(&Config{Certificates: []Certificate{*got}}), "not looked yet")
	clock = clock.Add(lookEvery)
	got, err = s.choose(&ClientHelloInfo{})
	require.NoError(t, err)
	require.Equal(t, third, CertPEM(&Config{Certificates: []Certificate{*got}}))
}

func TestReloadIsConcurrent(t *testing.T) {
	d := newDisk(t)
	cert, key := d.pair("a", "localhost")
	s := &store{now: time.Now, logger: slog.New(slog.DiscardHandler)}
	f, err := s.open(pair{cert, key})
	require.NoError(t, err)
	s.files = []*file{f}
	s.publish()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				s.looked.Store(0)
				if _, err := s.choose(&ClientHelloInfo{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		c, k := makePair(t, time.Now(), "localhost")
		d.write("a.pem", c)
		d.write("a.key", k)
	}
	wg.Wait()
}

func TestKeyFormats(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	got, err := parseKey(sec1)
	require.NoError(t, err)
	require.True(t, key.Equal(got))
}

func TestSelfSigned(t *testing.T) {
	cfg, err := SelfSigned("ftp.example", "192.0.2.1", "2001:db8::1")
	require.NoError(t, err)
	leaf := cfg.Certificates[0].Leaf
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(CertPEM(cfg)))
	for _, name := range []string{"ftp.example", "192.0.2.1", "2001:db8::1"} {
		_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots})
		require.NoError(t, err)
	}
	require.Error(t, leaf.VerifyHostname("localhost"))
	require.Regexp(t, `^([0-9A-F]{2}:){31}[0-9A-F]{2}$`, Fingerprint(cfg))
	require.Equal(t, Fingerprint(cfg), FingerprintOf(leaf))
	for _, bad := range []string{"", "a b", "host:21", "[::1]:21", "http://x", "a/b"} {
		_, err := SelfSigned(bad)
		require.Error(t, err, bad)
	}
	cfg, err = SelfSigned()
	require.NoError(t, err)
	require.NoError(t, cfg.Certificates[0].Leaf.VerifyHostname("127.0.0.1"))
	require.Empty(t, Fingerprint(nil))
	require.Nil(t, CertPEM(&stdtls.Config{}))
}

func TestReuseText(t *testing.T) {
	var r Reuse
	for want, text := range map[Reuse]string{Prefer: "prefer", Require: "REQUIRE", Off: "Off"} {
		require.NoError(t, r.UnmarshalText([]byte(text)))
		require.Equal(t, want, r)
		again, err := ParseReuse(r.String())
		require.NoError(t, err)
		require.Equal(t, want, again)
	}
	r = Off
	require.ErrorContains(t, r.UnmarshalText([]byte("yes")), `"yes"`)
	require.Equal(t, Off, r)
	require.Equal(t, "Reuse(9)", Reuse(9).String())
	_, err := Reuse(9).MarshalText()
	require.Error(t, err)
}
