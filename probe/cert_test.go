package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"
)

// issuer is a certificate of the tests with its key, which can sign others.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
	der  []byte
}

// newKey returns the key of all tests: to make one costs more than most tests.
var newKey = sync.OnceValue(func() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// issue makes a certificate, which signs itself if by is nil. It is valid for long, since faked time begins in
// 2000.
func issue(by *issuer, key crypto.Signer, change func(*x509.Certificate)) *issuer {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "a test"},
		NotBefore:             time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:              []string{"ftp.example.com"},
		IPAddresses:           []net.IP{net.ParseIP("127.0.0.1")},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageKeyEncipherment,
		BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	if by == nil {
		by = &issuer{template, key, nil}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &issuer{cert, key, der}
}

func authority(by *issuer, name string) *issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return issue(by, key, func(c *x509.Certificate) { c.IsCA, c.Subject.CommonName = true, name })
}

// config returns the configuration of a server that shows a chain.
func config(chain ...*issuer) *tls.Config {
	cert := tls.Certificate{PrivateKey: chain[0].key}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.der)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
}

func pool(c *issuer) *x509.CertPool {
	p := x509.NewCertPool()
	if c != nil {
		p.AddCert(c.cert)
	}
	return p
}

// root returns the authority that the probes of the tests trust.
var root = sync.OnceValue(func() *issuer { return authority(nil, "root") })

// good returns the configuration of a server whose certificate is in order, but for what change changes.
func good(change func(*x509.Certificate)) *tls.Config { return config(issue(root(), newKey(), change)) }
