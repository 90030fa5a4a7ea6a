package probe

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
)

// oldConfig returns a configuration for the versions that no server should accept. No password is sent after such a
// handshake.
func (r *run) oldConfig() *tls.Config {
	cfg := r.tlsConfig()
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	cfg.CipherSuites = allCiphers()
	return cfg
}

// allCiphers returns all cipher suites of crypto/tls, broken ones last. Clients list suites by preference, so a broken
// one is chosen only by a server that prefers it or has no other.
func allCiphers() []uint16 {
	var ids []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, suite.ID)
	}
	return ids
}

func broken(id uint16) bool {
	return slices.ContainsFunc(tls.InsecureCipherSuites(), func(s *tls.CipherSuite) bool { return s.ID == id })
}

// versions tries the versions that the main session does not use, each on a connection of its own.
func (r *run) versions(main *control) {
	used := main.state().Version
	have := map[uint16]bool{used: true}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if version == used {
			continue
		}
		cfg := r.tlsConfig()
		cfg.MinVersion, cfg.MaxVersion = version, version
		cfg.CipherSuites = allCiphers()
		if !r.version(main, cfg, have) {
			return
		}
	}
	if !r.version(main, r.oldConfig(), have) {
		return
	}
	var list []string
	for version := uint16(tls.VersionTLS10); version <= tls.VersionTLS13; version++ {
		if have[version] {
			list = append(list, tls.VersionName(version))
		}
	}
	r.fact(main.port, "tls versions", "%s", strings.Join(list, ", "))
	switch {
	case !have[tls.VersionTLS12]:
		r.find(main.port, TLSNo12, "%s", strings.Join(list, ", "))
	case !have[tls.VersionTLS13]:
		r.find(main.port, TLSNo13, "%s", strings.Join(list, ", "))
	}
	if have[tls.VersionTLS10] || have[tls.VersionTLS11] {
		r.find(main.port, TLSOld, "%s", strings.Join(list, ", "))
	}
}

// version tries one version, and reports whether that tells anything about TLS. It does not if the server no longer
// answers, for example because of a limit.
func (r *run) version(main *control, cfg *tls.Config, have map[uint16]bool) bool {
	c, err := r.open(main, cfg)
	if isEOF(err) { // no alert has said that the version is the reason
		c, err = r.open(main, cfg)
	}
	if err != nil {
		return errors.As(err, new(*noTLSError)) && !isTimeout(err) && r.ctx.Err() == nil
	}
	state := c.state()
	have[state.Version] = true
	if broken(state.CipherSuite) && state.Version >= tls.VersionTLS12 {
		r.find(main.port, TLSWeakCipher, "%s: %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	}
	c.bye()
	return true
}
