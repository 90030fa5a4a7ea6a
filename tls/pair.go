package tls

import (
	"bytes"
	"crypto"
	stdtls "crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// pair names the two files of a certificate; they may be the same file.
type pair struct{ cert, key string }

// read parses both files. Errors name the file at fault.
func (p pair) read() (*Certificate, error) {
	certPEM, err := os.ReadFile(p.cert)
	if err != nil {
		return nil, fmt.Errorf("tls: certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(p.key)
	if err != nil {
		return nil, fmt.Errorf("tls: private key: %w", err)
	}
	cert, err := stdtls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, p.diagnose(certPEM, keyPEM, err)
	}
	if cert.Leaf == nil { // GODEBUG=x509keypairleaf=0
		if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return nil, fmt.Errorf("tls: %s: %w", p.cert, err)
		}
	}
	if err := whyUnusable(cert.Leaf); err != nil {
		return nil, fmt.Errorf("tls: %s cannot be used: %w", p.cert, err)
	}
	return &cert, nil
}

// diagnose finds out which of the two files is wrong and how. Nothing of the
// private key goes into the error.
func (p pair) diagnose(certPEM, keyPEM []byte, err error) error {
	chain, found := blocks(certPEM, "CERTIFICATE")
	if len(chain) == 0 {
		return fmt.Errorf("tls: %s holds no certificate in PEM form%s", p.cert, whatItHolds(found))
	}
	var certs []*x509.Certificate
	for i, block := range chain {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("tls: %s: certificate %d: %w", p.cert, i+1, err)
		}
		certs = append(certs, cert)
	}
	keys, found := blocks(keyPEM, "PRIVATE KEY")
	if len(keys) == 0 {
		return fmt.Errorf("tls: %s holds no private key in PEM form%s", p.key, whatItHolds(found))
	}
	if strings.HasPrefix(keys[0].Type, "ENCRYPTED") || keys[0].Headers["DEK-Info"] != "" {
		return fmt.Errorf("tls: %s: the private key is encrypted; store it decrypted, readable by the server alone", p.key)
	}
	key, keyErr := parseKey(keys[0].Bytes)
	if keyErr != nil {
		return fmt.Errorf("tls: %s: the private key cannot be read: it is neither PKCS #8, PKCS #1 nor SEC 1", p.key)
	}
	for i, cert := range certs {
		public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		switch {
		case !ok || !public.Equal(key.Public()):
		case i == 0:
			return fmt.Errorf("tls: %s with %s: %w", p.cert, p.key, err)
		default:
			return fmt.Errorf("tls: %s: the private key in %s belongs to certificate %d; it must come first", p.cert, p.key, i+1)
		}
	}
	return fmt.Errorf("tls: the private key in %s does not match the certificate in %s", p.key, p.cert)
}

// blocks returns the PEM blocks whose type ends in suffix, and the types of all blocks.
func blocks(data []byte, suffix string) (match []*pem.Block, found []string) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return match, found
		}
		found = append(found, block.Type)
		if strings.HasSuffix(block.Type, suffix) {
			match = append(match, block)
		}
	}
}

// whatItHolds returns a text on what a file holds in place of what was expected.
func whatItHolds(found []string) string {
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("; it holds %s: are the two files swapped?", strings.Join(found, ", "))
}

func parseKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
		return nil, errors.New("the key cannot sign")
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParseECPrivateKey(der)
}

// sameChain reports whether two certificates are byte for byte the same chain.
func sameChain(a, b *Certificate) bool {
	if len(a.Certificate) != len(b.Certificate) {
		return false
	}
	for i := range a.Certificate {
		if !bytes.Equal(a.Certificate[i], b.Certificate[i]) {
			return false
		}
	}
	return true
}
