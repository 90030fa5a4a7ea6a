package ftpstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"time"

	"github.com/sallyport/sallyport/tls"
)

// spoil has cfg present a bad certificate where a fault says so.
func (s *Server) spoil(cfg *tls.Config) {
	theirs := cfg.GetConfigForClient
	good := cfg.Clone()
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		f := s.faults.certificate(s.whichConn(hello.Conn))
		if f == nil {
			if theirs != nil {
				return theirs(hello)
			}
			return nil, nil
		}
		bad, err := s.badCertificate(f.how())
		if err != nil {
			return nil, err
		}
		spoilt := good.Clone()
		spoilt.GetConfigForClient, spoilt.GetCertificate = nil, nil
		spoilt.Certificates = []tls.Certificate{bad}
		return spoilt, nil
	}
}

// whichConn returns "control" for a connection to one of the server's own
// ports, else "data".
func (s *Server) whichConn(conn net.Conn) string {
	_, port, err := net.SplitHostPort(conn.LocalAddr().String())
	for _, addr := range []string{s.Addr, s.ImplicitAddr} {
		if _, own, _ := net.SplitHostPort(addr); err == nil && own == port {
			return "control"
		}
	}
	return "data"
}

// badCertificate makes a certificate that is in order but for one thing. The
// server's own certificate signs it, so that nothing else is wrong with it.
func (s *Server) badCertificate(how string) (tls.Certificate, error) {
	if how == "unknown" {
		other, err := tls.SelfSigned()
		if err != nil {
			return tls.Certificate{}, err
		}
		return other.Certificates[0], nil
	}
	own := s.tls.Certificates[0]
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		DNSNames:     slices.Clone(own.Leaf.DNSNames),
		IPAddresses:  slices.Clone(own.Leaf.IPAddresses),
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(48 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	switch how {
	case "expired":
		template.NotAfter = time.Now().Add(-24 * time.Hour)
	case "host":
		template.DNSNames, template.IPAddresses = []string{"another.example"}, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, own.Leaf, key.Public(), own.PrivateKey.(crypto.Signer))
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
