package probe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// certificate judges the chain that a control connection shows, and sets c.trusted to whether a password may follow.
func (r *run) certificate(c *control) {
	chain := c.state().PeerCertificates
	leaf := chain[0]
	sum := fmt.Sprintf("%X", sha256.Sum256(leaf.Raw))
	bits, key := keyOf(leaf)
	r.fact(c.port, "certificate names", "%s", strings.Join(names(leaf), ", "))
	r.fact(c.port, "certificate issuer", "%v", leaf.Issuer)
	r.fact(c.port, "certificate ends", "%s", leaf.NotAfter.UTC().Format(time.DateOnly))
	r.fact(c.port, "certificate key", "%s", key)
	r.fact(c.port, "certificate chain", "%d", len(chain))
	r.fact(c.port, "certificate sha256", "%s", sum)
	if r.print == "" {
		r.print = sum
	}
	if r.print != sum {
		r.find(c.port, CertDiffers, "SHA-256 %s here and %s on the first connection", sum, r.print)
	}

	now := time.Now()
	timely := r.certTime(c, leaf, now)
	named := r.certName(c, leaf)
	chained := r.certChain(c, chain, now)
	if bits > 0 {
		r.find(c.port, CertWeakKey, "%s", key)
	}
	if c.trusted = timely && named && chained; c.trusted {
		r.find(c.port, CertTrusted, "it is for %s, ends %s", r.ServerName, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}

func (r *run) certTime(c *control, leaf *x509.Certificate, now time.Time) bool {
	switch {
	case now.After(leaf.NotAfter):
		r.find(c.port, CertExpired, "it ended %s", leaf.NotAfter.UTC().Format(time.DateOnly))
		return false
	case now.Before(leaf.NotBefore):
		r.find(c.port, CertNotYet, "it starts %s", leaf.NotBefore.UTC().Format(time.DateTime))
		return false
	case leaf.NotAfter.Sub(now) < expiresSoon*24*time.Hour:
		r.find(c.port, CertExpiresSoon, "it ends %s", leaf.NotAfter.UTC().Format(time.DateTime))
	}
	return true
}

func (r *run) certName(c *control, leaf *x509.Certificate) bool {
	if leaf.VerifyHostname(r.ServerName) == nil {
		return true
	}
	seen := fmt.Sprintf("clients ask for %s; it is for %s", r.ServerName, strings.Join(names(leaf), ", "))
	if strings.EqualFold(leaf.Subject.CommonName, r.ServerName) {
		r.find(c.port, CertCommonName, "%s", seen)
	} else {
		r.find(c.port, CertName, "%s", seen)
	}
	return false
}

// certChain verifies the chain as of a time at which the leaf is valid, since the dates of the leaf are judged
// apart.
func (r *run) certChain(c *control, chain []*x509.Certificate, now time.Time) bool {
	leaf := chain[0]
	opts := x509.VerifyOptions{Roots: r.RootCAs, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, cert := range chain[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if now.After(leaf.NotAfter) {
		opts.CurrentTime = leaf.NotAfter.Add(-time.Second)
	} else if now.Before(leaf.NotBefore) {
		opts.CurrentTime = leaf.NotBefore.Add(time.Second)
	}
	_, err := leaf.Verify(opts)
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		r.find(c.port, CertExpired, "one of its chain: %v", err)
	case !errors.As(err, new(x509.UnknownAuthorityError)):
		r.find(c.port, CertInvalid, "%v", err)
	case bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		r.find(c.port, CertSelfSigned, "issuer and subject are %v", leaf.Subject)
	case weakSignature(leaf):
		r.find(c.port, CertWeakSignature, "%v", leaf.SignatureAlgorithm)
	case len(chain) == 1 && len(leaf.IssuingCertificateURL) > 0: // as public authorities have it
		r.find(c.port, CertIncomplete, "only the server's own certificate is sent; its issuer is %v", leaf.Issuer)
	default:
		r.find(c.port, CertUntrusted, "the chain of %d ends at %v", len(chain), chain[len(chain)-1].Issuer)
	}
	return false
}

// weakSignature reports whether the leaf is signed by an algorithm that verification refuses.
func weakSignature(leaf *x509.Certificate) bool {
	switch leaf.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA:
		return true
	}
	return false
}

// names returns the names that a client may verify, or the common name if there are none.
func names(leaf *x509.Certificate) []string {
	all := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		all = append(all, "CN="+leaf.Subject.CommonName)
	}
	return all
}

// keyOf returns the name of the key's kind and size, and in weak the size if it is too small, else 0.
func keyOf(leaf *x509.Certificate) (weak int, name string) {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			weak = key.N.BitLen()
		}
		return weak, fmt.Sprintf("RSA %d bits", key.N.BitLen())
	case *ecdsa.PublicKey:
		size := key.Curve.Params().BitSize
		if size < 256 {
			weak = size
		}
		return weak, fmt.Sprintf("ECDSA %s", key.Curve.Params().Name)
	case ed25519.PublicKey:
		return 0, "Ed25519"
	}
	return 0, leaf.PublicKeyAlgorithm.String()
}
