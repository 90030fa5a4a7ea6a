package probe

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
)

// oldConfig speaks the versions that nobody should. No password ever follows such a handshake.
func (r *run) oldConfig() *tls.Config {
	cfg := r.tlsConfig()
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	cfg.CipherSuites = allCiphers()
	return cfg
}

// allCiphers returns the ciphers of this library, broken ones last; clients order by preference, and only a server that
// prefers a broken one, or has no other, then gets one.
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

// versions tries those that the main session did not use, each on a connection of its own.
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

// version reports whether something was learnt: a server that no longer answers, because of a limit say, tells nothing
// about TLS.
func (r *run) version(main *control, cfg *tls.Config, have map[uint16]bool) bool {
	c, err := r.open(main, cfg)
	if isEOF(err) { // no alert says that it is because of the version
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
