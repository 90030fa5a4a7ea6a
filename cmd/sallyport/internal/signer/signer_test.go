//go:build linux

package signer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	stdtls "crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// start returns a Client of a Signer, and the keeper's Peer.
func start(t *testing.T) (*Client, *channel.Peer) {
	t.Helper()
	a, z, err := channel.Pair()
	require.NoError(t, err)
	_, err = channel.NewPeer(z, channel.AnyFiles, New().Answer)
	require.NoError(t, err)
	keeper, err := channel.NewPeer(a, channel.AnyFiles, nil)
	require.NoError(t, err)
	t.Cleanup(func() { keeper.Close() })
	c := new(Client)
	attach(t, c, keeper)
	return c, keeper
}

func attach(t *testing.T, c *Client, keeper *channel.Peer) {
	t.Helper()
	f, err := Attach(t.Context(), keeper)
	require.NoError(t, err)
	require.NoError(t, c.Use(f))
}

func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return map[string]crypto.Signer{"ECDSA": ec, "RSA": other, "Ed25519": ed}
}

// Handshakes of TLS 1.2 and 1.3 work in a process without the key.
func TestHandshakes(t *testing.T) {
	for name, k := range keys(t) {
		for _, version := range []uint16{stdtls.VersionTLS12, stdtls.VersionTLS13} {
			t.Run(name+"/"+stdtls.VersionName(version), func(t *testing.T) {
				c, keeper := start(t)
				require.NoError(t, GiveKey(t.Context(), keeper, k))
				far, err := c.Signer(k.Public())
				require.NoError(t, err)
				template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
				der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
				require.NoError(t, err)
				roots := x509.NewCertPool()
				leaf, err := x509.ParseCertificate(der)
				require.NoError(t, err)
				roots.AddCert(leaf)
				server, client := net.Pipe()
				var done sync.WaitGroup
				done.Go(func() {
					cert := stdtls.Certificate{Certificate: [][]byte{der}, PrivateKey: far}
					conn := stdtls.Server(server, &stdtls.Config{Certificates: []stdtls.Certificate{cert}, MaxVersion: version})
					conn.Handshake()
				})
				conn := stdtls.Client(client, &stdtls.Config{RootCAs: roots, ServerName: "localhost"})
				require.NoError(t, conn.Handshake())
				client.Close()
				done.Wait()
			})
		}
	}
}

// The signer refuses to sign what no handshake signs.
func TestAllowed(t *testing.T) {
	all := keys(t)
	sum := sha256.Sum256([]byte("x"))
	text13 := append(bytes.Clone(context13), sum[:]...)
	text12 := slices.Concat(make([]byte, 64), []byte{3, 0, 29, 32}, make([]byte, 32))
	for _, test := range []struct {
		key    string
		digest []byte
		opts   crypto.SignerOpts
		want   bool
	}{
		{"ECDSA", sum[:], crypto.SHA256, true},
		{"ECDSA", sum[:31], crypto.SHA256, false},
		{"ECDSA", sum[:20], crypto.SHA1, false},
		{"ECDSA", []byte("anything"), crypto.Hash(0), false},
		{"ECDSA", sum[:], crypto.Hash(99), false},
		{"RSA", sum[:], crypto.SHA256, true},
		{"RSA", sum[:], &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}, true},
		{"RSA", sum[:], &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 0}, false},
		{"RSA", make([]byte, 36), crypto.MD5SHA1, false},
		{"RSA", sum[:], crypto.Hash(0), false},
		{"Ed25519", text13, crypto.Hash(0), true},
		{"Ed25519", text12, crypto.Hash(0), true},
		{"Ed25519", text13[:len(text13)-1], crypto.Hash(0), false},
		{"Ed25519", text12[:len(text12)-1], crypto.Hash(0), false},
		{"Ed25519", bytes.Replace(text13, []byte("server"), []byte("client"), 1), crypto.Hash(0), false},
		{"Ed25519", sum[:], crypto.Hash(0), false},
		{"Ed25519", make([]byte, 64), crypto.SHA512, false},
	} {
		k := all[test.key]
		if test.want {
			require.NoError(t, Allowed(k.Public(), test.digest, test.opts), "%+v", test)
		} else {
			require.Error(t, Allowed(k.Public(), test.digest, test.opts), "%+v", test)
		}
		c, keeper := start(t)
		require.NoError(t, GiveKey(t.Context(), keeper, k))
		far, err := c.Signer(k.Public())
		require.NoError(t, err)
		_, err = far.Sign(rand.Reader, test.digest, test.opts)
		require.Equal(t, test.want, err == nil, "%+v: %v", test, err)
	}
}

// After a renewal the key before still signs, and older ones don't. Another signer can take over from one that has
// ended.
func TestRenewal(t *testing.T) {
	c, keeper := start(t)
	sum := sha256.Sum256(nil)
	var far []crypto.Signer
	for range 3 {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		require.NoError(t, GiveKey(t.Context(), keeper, k))
		s, err := c.Signer(k.Public())
		require.NoError(t, err)
		far = append(far, s)
		if len(far) < 3 {
			continue
		}
		_, err = far[0].Sign(nil, sum[:], crypto.SHA256)
		require.ErrorContains(t, err, "no such key")
		_, err = far[1].Sign(nil, sum[:], crypto.SHA256)
		require.NoError(t, err)

		require.NoError(t, keeper.Close())
		_, next := start(t)
		require.NoError(t, GiveKey(t.Context(), next, k))
		signed := make(chan error, 1)
		go func() {
			_, err := far[2].Sign(nil, sum[:], crypto.SHA256)
			signed <- err
		}()
		attach(t, c, next)
		require.NoError(t, <-signed)
	}
	require.Error(t, GiveKey(t.Context(), keeper, nil))
}
