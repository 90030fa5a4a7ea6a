package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdtls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// clientCertificate makes a self-signed certificate for a user.
func clientCertificate(t *testing.T, user string) stdtls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: user},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return stdtls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// RFC 4217, section 5: a certificate may be all that is needed, or half of it.
func TestCertificateLogin(t *testing.T) {
	t.Parallel()
	alice, bob := clientCertificate(t, "alice"), clientCertificate(t, "bob")
	files := driver.Mem()
	// alice needs no password, bob a certificate and a password.
	login := func(_ context.Context, l *driver.Login) (*driver.Account, error) {
		if l.Certificate == nil || l.Certificate.Subject.CommonName != l.User {
			return nil, driver.ErrLogin
		}
		if l.User == "bob" && l.Password != testPassword {
			return nil, driver.ErrLogin
		}
		return &driver.Account{FS: files}, nil
	}
	ts := start(t, func(srv *server.Server) {
		srv.Driver = driver.Func(login)
		srv.TLS = srv.TLS.Clone()
		srv.TLS.ClientAuth = tls.VerifyClientCertIfGiven
		srv.TLS.ClientCAs = x509.NewCertPool()
		srv.TLS.ClientCAs.AddCert(alice.Leaf)
		srv.TLS.ClientCAs.AddCert(bob.Leaf)
	})
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		connect := func(cert ...stdtls.Certificate) *client {
			client := cfg(ts)
			client.Certificates = cert
			c := newClient(t, dialTCP(t, ts.Addr), client)
			c.expect(220)
			c.authTLS()
			return c
		}

		c := connect(alice)
		c.cmd(530, "PWD")
		c.cmd(232, "USER alice")
		c.cmd(257, "PWD")
		c.cmd(230, "PASS whatever") // some clients always send USER and PASS
		c.protect()
		assert.Empty(t, c.get("NLST"))
		// Under another name the same certificate is half a login at most.
		c.cmd(331, "USER bob")
		c.cmd(530, "PWD")

		c = connect(bob)
		c.cmd(331, "USER bob")
		c.cmd(530, "PWD")
		c.cmd(230, "PASS %s", testPassword)
		c.protect()
		assert.Empty(t, c.get("NLST"))

		c = connect()
		c.cmd(331, "USER alice")
		c.cmd(530, "PWD")
	})
}

// A data connection that shows another client certificate is another client's.
func TestOtherCertificateOnData(t *testing.T) {
	t.Parallel()
	alice, bob := clientCertificate(t, "alice"), clientCertificate(t, "bob")
	ts := start(t, func(srv *server.Server) {
		srv.TLS = srv.TLS.Clone()
		srv.TLS.ClientAuth = tls.RequestClientCert
	})
	cfg := never(ts.Config)
	cfg.Certificates = []stdtls.Certificate{alice}
	c := ts.loginWith(t, cfg)
	c.put("hello", "STOR a.txt")
	c.TLS.Certificates = []stdtls.Certificate{bob}
	conn := c.open("RETR a.txt")
	assert.Contains(t, c.expect(522).String(), "certificate")
	conn.Close()
	c.cmd(257, "PWD")
}
