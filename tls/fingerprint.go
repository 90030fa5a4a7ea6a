package tls

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
)

// Fingerprint returns the SHA-256 fingerprint of the certificate that cfg
// gives to clients who name no host, as "AB:CD:...", for people to compare
// with what their client shows. It is empty when there is none.
func Fingerprint(cfg *Config) string {
	cert, err := defaultCertificate(cfg)
	if err != nil {
		return ""
	}
	return fingerprint(cert.Certificate[0])
}

// FingerprintOf returns what [Fingerprint] does, for one certificate: a client's, for instance.
func FingerprintOf(cert *x509.Certificate) string { return fingerprint(cert.Raw) }

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	var b strings.Builder
	for i, octet := range sum {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{octet})))
	}
	return b.String()
}

// CertPEM returns the certificate that cfg gives to clients who name no host,
// together with the chain if there is one. CertPEM returns nil without a
// certificate. The certificate of SelfSigned is fit for a client's CA file. The
// private key is not in it.
func CertPEM(cfg *Config) []byte {
	cert, err := defaultCertificate(cfg)
	if err != nil {
		return nil
	}
	var b bytes.Buffer
	for _, der := range cert.Certificate {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a Buffer takes all
	}
	return b.Bytes()
}

func defaultCertificate(cfg *Config) (*Certificate, error) {
	if cfg != nil && len(cfg.Certificates) > 0 && len(cfg.Certificates[0].Certificate) > 0 {
		return &cfg.Certificates[0], nil
	}
	if cfg == nil || cfg.GetCertificate == nil {
		return nil, errors.New("tls: no certificate")
	}
	cert, err := cfg.GetCertificate(&ClientHelloInfo{})
	if err != nil {
		return nil, err
	}
	if cert == nil || len(cert.Certificate) == 0 {
		return nil, errors.New("tls: no certificate")
	}
	return cert, nil
}
