package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

// selfSignedLife stays within what clients accept at most: Apple's refuse
// anything beyond 825 days, even when told to trust it.
const selfSignedLife = 820 * 24 * time.Hour

// SelfSigned makes a certificate for hosts, names or IP addresses, in memory:
// for tests and first runs. Without hosts it is for localhost, 127.0.0.1 and
// ::1. The certificate is its own authority: a client given CertPEM as CA file
// trusts the certificate. Each call makes another one.
func SelfSigned(hosts ...string) (*Config, error) {
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	cert, err := selfSigned(hosts, time.Now())
	if err != nil {
		return nil, fmt.Errorf("tls: self-signed certificate: %w", err)
	}
	return &Config{Certificates: []Certificate{cert}, MinVersion: VersionTLS12}, nil
}

func selfSigned(hosts []string, now time.Time) (Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: hosts[0]},
		// Clients' clocks are not always right.
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(selfSignedLife),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	for _, host := range hosts {
		if err := addHost(template, host); err != nil {
			return Certificate{}, err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// addHost puts host among the subject's alternative names.
func addHost(template *x509.Certificate, host string) error {
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
		return nil
	}
	if host == "" {
		return errors.New("a host is empty")
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return fmt.Errorf("%q has a port: a certificate names only the host", host)
	}
	if u, err := url.Parse("//" + host); err != nil || u.Host != host {
		return fmt.Errorf("%q is neither a host name nor an IP address", host)
	}
	template.DNSNames = append(template.DNSNames, host)
	return nil
}
