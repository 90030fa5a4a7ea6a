package ftpstest

import (
	"crypto/x509"
	"net/url"

	stdtls "crypto/tls"

	"github.com/sallyport/sallyport/tls"
)

// ClientTLS returns a new client configuration that trusts this server and
// nobody else. It remembers TLS sessions, so a client that uses it for its
// control and its data connections resumes, as servers with session reuse
// demand.
func (s *Server) ClientTLS() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(tls.CertPEM(s.tls))
	return &tls.Config{
		RootCAs:            roots,
		ServerName:         "127.0.0.1",
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: stdtls.NewLRUClientSessionCache(0),
	}
}

// URL returns the explicit endpoint as ftp://user:password@host:port/, which
// curl understands together with --ssl-reqd.
func (s *Server) URL() string { return s.url("ftp", s.Addr) }

// ImplicitURL returns the implicit endpoint as ftps://user:password@host:port/.
func (s *Server) ImplicitURL() string { return s.url("ftps", s.ImplicitAddr) }

func (s *Server) url(scheme, addr string) string {
	u := url.URL{Scheme: scheme, User: url.UserPassword(s.User, s.Password), Host: addr, Path: "/"}
	return u.String()
}
