package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// Sizes of RSA keys in bits: what this side can sign with at all, and what clients
// still take (NIST SP 800-57; OpenSSL since level 2, the default of distributions).
const (
	shortestRSA = 1024
	usualRSA    = 2048
)

// whyUnusable returns why a certificate's key can't sign a TLS 1.3 handshake, nil if it can.
// With such a certificate each handshake would fail, and the log would blame the clients.
func whyUnusable(leaf *x509.Certificate) error {
	switch key := leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return fmt.Errorf("its key is on curve %s, with which TLS 1.3 cannot sign (RFC 8446, section 4.2.3); use a key on P-256", key.Params().Name)
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < shortestRSA {
			return fmt.Errorf("its RSA key has %d bits; use one of %d or more, or a key on P-256", bits, usualRSA)
		}
	}
	return nil
}

// weakRSA returns the size of an RSA key that many clients refuse, 0 for another key.
func weakRSA(leaf *x509.Certificate) (bits int) {
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < usualRSA {
		return key.N.BitLen()
	}
	return 0
}
