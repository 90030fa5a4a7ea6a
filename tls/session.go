package tls

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net"
	"sync/atomic"
)

// Session is the identity of one control connection, carried by the tickets
// issued on it and on its data connections. It may be used concurrently, holds
// some dozen bytes however many connections it sees, and needs no closing
// unless Share was called.
type Session struct {
	layer *Layer
	id    [idSize]byte
	// leaf is the digest of the certificate that the client presented on the
	// control connection, nil when there was none.
	leaf atomic.Pointer[[sha256.Size]byte]
}

// Session returns a new session, with an identity that nobody can guess.
func (l *Layer) Session() *Session {
	s := &Session{layer: l}
	rand.Read(s.id[:]) // never fails: crypto/rand
	return s
}

// Share says that the client keeps the tickets of this session and of others in
// one place, as a program with several connections through one cache does: its
// data connections then offer the ticket of any of them, which proves nothing.
// From then on the ticket of one such session is tolerated on a data connection
// of another under Prefer, as no ticket at all, and Whose does not report it.
// Call Close when the session ends.
func (s *Session) Share() {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	if s.layer.shared == nil {
		s.layer.shared = make(map[[idSize]byte]struct{})
	}
	s.layer.shared[s.id] = struct{}{}
}

// Shared reports whether Share was called.
func (s *Session) Shared() bool { return s.layer.isShared(s.id) }

// Close forgets what Share noted. The session can go on being used.
func (s *Session) Close() {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	delete(s.layer.shared, s.id)
}

// sister reports whether tickets of this session and of another are known to be
// kept in one place.
func (s *Session) sister(other [idSize]byte) bool { return s.Shared() && s.layer.isShared(other) }

func (l *Layer) isShared(id [idSize]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.shared[id]
	return ok
}

// ID returns the identity in hexadecimal, for logs. Knowing it is of no use to
// an attacker: it counts only inside a ticket sealed by the server.
func (s *Session) ID() string { return hex.EncodeToString(s.id[:]) }

// Control returns conn as the server's side of a TLS control connection. It
// never resumes: the full handshake makes every ticket issued on it this
// session's. Nothing is read ahead or held back. The caller closes it.
func (s *Session) Control(conn net.Conn) *Conn { return newConn(s, conn, kindControl, Off) }

// Data returns conn as the server's side of a TLS data connection of this
// session. HandshakeContext judges it by reuse. The caller closes it.
func (s *Session) Data(conn net.Conn, reuse Reuse) *Conn { return newConn(s, conn, kindData, reuse) }

// remember keeps what the control connection's client presented.
func (s *Session) remember(chain []*x509.Certificate) {
	if len(chain) == 0 {
		s.leaf.Store(nil)
		return
	}
	sum := sha256.Sum256(chain[0].Raw)
	s.leaf.Store(&sum)
}

// sameClient reports whether a data connection's certificate does not
// contradict the control connection's.
func (s *Session) sameClient(chain []*x509.Certificate) bool {
	leaf := s.leaf.Load()
	return leaf == nil || len(chain) == 0 || *leaf == sha256.Sum256(chain[0].Raw)
}
