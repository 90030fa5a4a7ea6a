package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// startTLS asks for TLS on an explicit port and does the handshake. If the server has no TLS, alive may still be true:
// the session goes on in clear, and c.tls is nil.
func (r *run) startTLS(c *control) (alive bool) {
	var ok bool
	if c.clearFeat, ok = r.feat(c, "feat in clear"); !ok {
		return false
	}
	var refused []string
	for _, mechanism := range []string{"TLS", "SSL"} {
		reply, err := c.try("AUTH %s", mechanism)
		if errors.As(err, new(*errGone)) {
			c.lost("AUTH "+mechanism, err)
			return false
		}
		if err != nil {
			r.authCut(c, mechanism, err)
			return false
		}
		if reply.Code == 234 || reply.Code == 334 {
			c.auth = mechanism
			if mechanism == "SSL" {
				r.find(c.port, AuthSSLOnly, "AUTH TLS: %s", strings.Join(refused, "; "))
			}
			if err := c.handshake(r.session()); err != nil {
				r.handshakeFailed(c, err)
				return false
			}
			return true
		}
		refused = append(refused, said(reply))
	}
	r.authRefused(c, strings.Join(refused, "; "))
	return true
}

// authRefused tells a server without TLS from equipment that prevents TLS: a server that refuses AUTH doesn't offer it
// in FEAT, and doesn't garble the verb when it repeats it.
func (r *run) authRefused(c *control, seen string) {
	garbled := strings.Contains(strings.ToUpper(seen), "XXXX")
	if offersAuth(c.clearFeat) || garbled {
		r.find(c.port, ALGAuth, "FEAT offers AUTH: %t; AUTH TLS and AUTH SSL: %s", offersAuth(c.clearFeat), seen)
		return
	}
	r.find(c.port, AuthRefused, "AUTH TLS and AUTH SSL: %s", seen)
}

// authCut tells equipment that prevents TLS, and cuts each session that asks for it, from a server that has failed.
func (r *run) authCut(c *control, mechanism string, err error) {
	seen := fmt.Sprintf("after AUTH %s: %s", mechanism, why(err))
	again, gone := r.open(c, nil)
	if gone != nil {
		r.find(c.port, ControlLost, "%s; connecting again: %s", seen, why(gone))
		return
	}
	defer again.close()
	if reply, err := again.try("AUTH %s", mechanism); err == nil {
		r.find(c.port, ControlLost, "%s; another time: %s", seen, said(reply))
		return
	}
	r.find(c.port, AuthCut, "%s, in two sessions", seen)
}

// handshakeFailed finds out whether the server only has old versions of TLS.
func (r *run) handshakeFailed(c *control, err error) {
	if r.ctx.Err() != nil {
		return
	}
	c.close()
	if old, oldErr := r.open(c, r.oldConfig()); oldErr == nil {
		defer old.bye()
		if again, againErr := r.open(c, r.session()); againErr == nil {
			again.bye()
			r.find(c.port, HandshakeFailed, "once: %s; then the same again worked", why(err))
			return
		}
		r.find(c.port, TLSOnlyOld, "TLS 1.2 and 1.3 fail (%s), %s works", why(err), tls.VersionName(old.state().Version))
		return
	}
	r.find(c.port, HandshakeFailed, "%s", why(err))
	r.clientCert(c.port)
}

// clientCert makes a finding if the server has asked for a client certificate.
func (r *run) clientCert(port uint16) {
	if r.asked {
		r.find(port, ClientCert, "a client certificate is asked for in the handshake")
	}
}

func (c *control) state() tls.ConnectionState { return c.tls.ConnectionState() }

// secured examines the TLS session, and reports whether to go on.
func (r *run) secured(c *control) bool {
	state := c.state()
	r.find(c.port, map[bool]ID{true: ImplicitWorks, false: ExplicitWorks}[c.implicit], "%s", tls.VersionName(state.Version))
	r.fact(c.port, "tls version", "%s", tls.VersionName(state.Version))
	r.fact(c.port, "cipher", "%s", tls.CipherSuiteName(state.CipherSuite))
	if state.CurveID != 0 {
		r.fact(c.port, "key exchange", "%v", state.CurveID)
	}
	r.clientCert(c.port)
	r.certificate(c)
	if _, ok := r.feat(c, "feat"); !ok {
		return false
	}
	c.heard = true
	if len(c.clearFeat) > 0 && !offersAuth(c.clearFeat) {
		r.find(c.port, ALGFeat, "FEAT in clear: %s; AUTH %s works", strings.Join(c.clearFeat, ", "), c.auth)
	}
	return true
}

// feat returns the features that FEAT lists. It returns false if the session is lost.
func (r *run) feat(c *control, name string) (lines []string, ok bool) {
	reply, ok := c.cmd("FEAT")
	switch {
	case !ok:
		return nil, false
	case reply.Code == 530 || reply.Code == 503:
		r.find(c.port, FeatAfterLogin, "%s", said(reply))
	case reply.Code != 211:
		r.find(c.port, FeatMissing, "%s", said(reply))
	case len(reply.Lines) > 2:
		for _, line := range reply.Lines[1 : len(reply.Lines)-1] {
			lines = append(lines, strings.TrimSpace(line))
		}
		r.fact(c.port, name, "%s", strings.Join(lines, ", "))
	}
	return lines, true
}

func offersAuth(feat []string) bool {
	for _, line := range feat {
		if verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb == "AUTH" {
			return true
		}
	}
	return false
}

// protect asks for private data connections (PROT P). It is called before the login and, if refused then, after it.
func (r *run) protect(c *control, loggedIn bool) bool {
	for _, line := range []string{"PBSZ 0", "PROT P"} {
		reply, ok := c.cmd("%s", line)
		switch {
		case !ok:
			return false
		case reply.Code/100 == 2 && reply.Code != 200:
			r.find(c.port, ProtOddCode, "%s: %s", line, said(reply))
		case reply.Code/100 != 2 && !loggedIn:
			r.find(c.port, ProtLate, "%s: %s", line, said(reply))
			return true
		case reply.Code/100 != 2:
			r.find(c.port, ProtRefused, "%s: %s", line, said(reply))
			return true
		}
	}
	c.private = true
	return true
}

// session returns the configuration for a control connection whose TLS session data connections can resume.
func (r *run) session() *tls.Config {
	r.tickets = &tickets{cache: tls.NewLRUClientSessionCache(0)}
	cfg := r.tlsConfig()
	cfg.ClientSessionCache = r.tickets
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		r.asked = true
		return new(tls.Certificate), nil
	}
	return cfg
}

// tickets is a session cache that counts tickets, to tell a server that gives none from one that doesn't accept them.
type tickets struct {
	cache tls.ClientSessionCache
	mu    sync.Mutex
	given int
}

func (t *tickets) Get(key string) (*tls.ClientSessionState, bool) { return t.cache.Get(key) }

func (t *tickets) Put(key string, state *tls.ClientSessionState) {
	if state != nil {
		t.mu.Lock()
		t.given++
		t.mu.Unlock()
	}
	t.cache.Put(key, state)
}

func (t *tickets) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.given
}
