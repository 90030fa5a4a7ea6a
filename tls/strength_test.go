package tls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keyPair makes a certificate for a key.
func keyPair(t *testing.T, key crypto.Signer) (certPEM, keyPEM []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// onCurve makes a certificate with a key on a curve.
func onCurve(t *testing.T, curve elliptic.Curve) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return keyPair(t, key)
}

// A certificate with which every handshake of TLS 1.3 would fail is refused when
// it is loaded, and when it is to replace a good one.
func TestUnusableKeyIsRefused(t *testing.T) {
	d := newDisk(t)
	cert, key := onCurve(t, elliptic.P224())
	weak, weakKey := d.write("p224.pem", cert), d.write("p224.key", key)
	_, err := Load(weak, weakKey)
	require.ErrorContains(t, err, "p224.pem cannot be used: its key is on curve P-224")

	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		cert, key := onCurve(t, curve)
		cfg, err := Load(d.write("a.pem", cert), d.write("a.key", key))
		require.NoError(t, err)
		handshake(t, cfg, &Config{InsecureSkipVerify: true, ServerName: "localhost"})
	}

	var log bytes.Buffer
	clock := time.Now()
	s := &store{logger: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return clock }}
	f, err := s.open(pair{d.path("a.pem"), d.path("a.key")})
	require.NoError(t, err)
	s.files = []*file{f}
	s.publish()
	d.write("a.pem", cert)
	d.write("a.key", key)
	clock = clock.Add(2 * lookEvery)
	got, err := s.choose(&ClientHelloInfo{})
	require.NoError(t, err)
	require.Equal(t, elliptic.P521(), got.Leaf.PublicKey.(*ecdsa.PublicKey).Curve)
	require.Contains(t, log.String(), "certificate not renewed")
	require.Contains(t, log.String(), "P-224")
}

// A certificate with a short key that some clients still take is only warned of.
func TestShortKeyIsWarnedOf(t *testing.T) {
	for bits, warned := range map[int]bool{1024: true, 2048: false} {
		d := newDisk(t)
		rsaKey, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		cert, key := keyPair(t, rsaKey)
		var log bytes.Buffer
		_, err = Loader{Logger: slog.New(slog.NewTextHandler(&log, nil))}.Load(d.write("a.pem", cert), d.write("a.key", key))
		require.NoError(t, err)
		require.Equal(t, warned, bytes.Contains(log.Bytes(), []byte("bits=1024")), log.String())
	}
}

// Go itself works with no RSA key below 1024 bits unless told to.
func TestTinyKeyIsRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 768)
	require.NoError(t, err)
	cert, key := keyPair(t, rsaKey)
	d := newDisk(t)
	_, err = Load(d.write("a.pem", cert), d.write("a.key", key))
	require.ErrorContains(t, err, "its RSA key has 768 bits")
	t.Setenv("GODEBUG", "rsa1024min=1")
	_, err = Load(d.path("a.pem"), d.path("a.key"))
	require.ErrorContains(t, err, "768")
}
