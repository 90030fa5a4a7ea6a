package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/tls"
)

// certificate is what clients are shown.
type certificate struct {
	config *tls.Config
	names  []string // for whom it is; nil when it came from a file
	file   string   // where clients on this host find it; empty when it came from a file
	remove func()
}

// loadCertificate reads the certificate, or makes one for this run and writes
// it, without its key, to a file that curl can be told to trust.
func (s *settings) loadCertificate(log *slog.Logger) (*certificate, error) {
	if s.cert != "" {
		config, err := tls.Loader{Logger: log}.Load(s.cert, s.key)
		return &certificate{config: config, remove: func() {}}, err
	}
	names := s.certificateNames()
	config, err := tls.SelfSigned(names...)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sallyport-")
	if err != nil {
		return nil, fmt.Errorf("a place for the certificate: %w", err)
	}
	c := &certificate{config, names, filepath.Join(dir, "cert.pem"), func() { os.RemoveAll(dir) }}
	if err := os.WriteFile(c.file, tls.CertPEM(config), 0o644); err != nil {
		c.remove()
		return nil, fmt.Errorf("the certificate: %w", err)
	}
	return c, nil
}

// host is a name that a certificate from a file holds and that can be dialled;
// empty without one.
func (c *certificate) host() string {
	block, _ := pem.Decode(tls.CertPEM(c.config))
	if c.file != "" || block == nil {
		return ""
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return ""
	}
	for _, name := range leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}

// certificateNames are the names under which clients may reach this host.
func (s *settings) certificateNames() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	add := func(name string) {
		if ip, err := netip.ParseAddr(name); err == nil && (ip.IsUnspecified() || ip.Zone() != "") {
			return
		}
		// A host may be called anything; what no certificate can hold is left out.
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
	if !strings.ContainsAny(s.announce, "=,") { // rules name several
		add(s.announce)
	}
	if !everywhere {
		return names
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
	}
	addrs, _ := net.InterfaceAddrs() // without them the certificate has fewer names
	for _, a := range addrs {
		if p, ok := a.(*net.IPNet); ok && p.IP.IsGlobalUnicast() {
			add(p.IP.String())
		}
	}
	return names
}
