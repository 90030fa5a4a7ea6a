package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/tempdir"
	"github.com/sallyport/sallyport/tls"
)

// certificate is the certificate that clients are shown.
type certificate struct {
	config  *tls.Config
	names   []string // the names that it was made for; nil for one from a file
	file    string   // its path, for clients on this host; empty for one from a file
	trouble error    // why one made for this run could not be written to a file
	remove  func()
}

// made reports whether the certificate was made for this run.
func (c *certificate) made() bool { return c.names != nil }

// loadCertificate reads or makes the certificate. If the options say so, clients are asked for certificates of
// theirs.
func (s *settings) loadCertificate(log *slog.Logger) (*certificate, error) {
	c, err := s.ownCertificate(log)
	if err != nil {
		return c, err
	}
	return s.askingClients(c)
}

// askingClients returns c with a configuration that asks clients for a certificate if the options name who signs
// those.
func (s *settings) askingClients(c *certificate) (*certificate, error) {
	asking := *c
	asking.config = c.config.Clone()
	asking.config.ClientCAs, asking.config.ClientAuth = nil, tls.NoClientCert
	if s.clientCA == "" {
		return &asking, nil
	}
	pool, err := readCA(s.clientCA)
	asking.config.ClientCAs, asking.config.ClientAuth = pool, tls.VerifyClientCertIfGiven
	return &asking, s.told("client-ca", err)
}

// readCA reads the certificates of those who sign client certificates.
func readCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form; want those of who signs the certificates of clients", file)
	}
	return pool, nil
}

// ownCertificate reads the certificate, or makes one for this run and writes it, without its key, to a file that
// curl can be told to trust. A file that can't be written is no error.
func (s *settings) ownCertificate(log *slog.Logger) (*certificate, error) {
	if s.cert != "" {
		config, err := s.ownConfig(log)
		return &certificate{config: config, remove: func() {}}, err
	}
	config, err := tls.SelfSigned(s.certificateNames()...)
	if err != nil {
		return nil, err
	}
	return s.shownCertificate(config, log), nil
}

// ownConfig reads the certificate from its files.
func (s *settings) ownConfig(log *slog.Logger) (*tls.Config, error) {
	config, err := tls.Loader{Logger: log}.Load(s.cert, s.key)
	if err != nil && ofSystem(err) == nil {
		err = fmt.Errorf("%w; want a certificate with its chain and the private key that it was made for, such as certbot's fullchain.pem and privkey.pem", err)
	}
	return config, s.told("cert", err)
}

// shownCertificate returns the certificate made for this run, and writes it to a file.
func (s *settings) shownCertificate(config *tls.Config, log *slog.Logger) *certificate {
	c := &certificate{config: config, names: s.certificateNames(), remove: func() {}}
	if c.trouble = c.write(); c.trouble != nil {
		log.Warn("the certificate made for this run is in no file for clients to trust", "err", c.trouble)
	}
	return c
}

// write writes the certificate to a file in a directory of its own.
func (c *certificate) write() error {
	dir, remove, err := tempdir.Make("sallyport-cert-")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "cert.pem")
	if err := os.WriteFile(file, tls.CertPEM(c.config), 0o644); err != nil {
		os.RemoveAll(dir)
		return err
	}
	c.file, c.remove = file, func() { remove() }
	return nil
}

// leaf returns the server's own certificate of the chain, nil if it can't be read.
func (c *certificate) leaf() *x509.Certificate {
	block, _ := pem.Decode(tls.CertPEM(c.config))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return leaf
}

// pin returns the public key in the form of curl's --pinnedpubkey.
func (c *certificate) pin() string {
	sum := sha256.Sum256(c.leaf().RawSubjectPublicKeyInfo)
	return "sha256//" + base64.StdEncoding.EncodeToString(sum[:])
}

// host returns a name in a certificate from a file that clients can dial; empty without one.
func (c *certificate) host() string {
	leaf := c.leaf()
	if c.made() || leaf == nil {
		return ""
	}
	for _, name := range leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}

// certificateNames returns the names under which clients may reach this host.
func (s *settings) certificateNames() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	add := func(name string) {
		if ip, err := netip.ParseAddr(name); err == nil && (ip.IsUnspecified() || ip.Zone() != "") {
			return
		}
		// Leaves out names that no certificate can hold: a host may be called anything.
		if _, err := tls.SelfSigned(name); err == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	everywhere := false
	for _, addr := range []string{s.listen, s.implicit} {
		host, _, _ := net.SplitHostPort(addr)
		ip, err := netip.ParseAddr(host)
		everywhere = everywhere || addr != "" && (host == "" || err == nil && ip.IsUnspecified())
		add(host)
	}
	if !strings.ContainsAny(s.announce, "=,") { // rules name several addresses
		add(s.announce)
	}
	if !everywhere {
		return names
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
	}
	addrs, _ := net.InterfaceAddrs() // an error leaves the certificate with fewer names
	for _, a := range addrs {
		if p, ok := a.(*net.IPNet); ok && p.IP.IsGlobalUnicast() {
			add(p.IP.String())
		}
	}
	return names
}

// pair returns the certificate with its chain and key; one from files is read as the files are now.
func (c *certificate) pair() (*tls.Certificate, error) {
	if len(c.config.Certificates) > 0 {
		return &c.config.Certificates[0], nil
	}
	return c.config.GetCertificate(&tls.ClientHelloInfo{})
}
