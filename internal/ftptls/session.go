package ftptls

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net"
	"sync/atomic"

	"github.com/sallyport/sallyport/tls"
)

// Session is the identity of one control connection, carried by the tickets
// issued on it and on its data connections. It may be used concurrently, holds
// some dozen bytes however many connections it sees, and is to be closed.
type Session struct {
	layer *Layer
	id    [idSize]byte
	// leaf is the digest of the certificate that the client presented on the
	// control connection, nil when there was none.
	leaf atomic.Pointer[[sha256.Size]byte]
	// Guarded by Layer.mu.
	owner string
	given uint64 // the number of its last ticket
	apart bool   // a data connection has shown its ticket and passed over a newer one of another session
}

// Session returns a new session, with an identity that nobody can guess. The
// caller closes it when its control connection has ended.
func (l *Layer) Session() *Session {
	s := &Session{layer: l}
	rand.Read(s.id[:]) // never fails: crypto/rand
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live[s.id] = s
	return s
}

// Close ends the session: from then on its tickets are as good as none, except if
// the owner has another session. The connections of the session go on. Closing
// again does nothing.
func (s *Session) Close() {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	if s.layer.live[s.id] == s {
		delete(s.layer.live, s.id)
		s.layer.owners.exit(s.owner, s.id, true)
	}
}

// SetOwner names whose session it is, as far as the client's program is concerned:
// the user and the address it comes from. A program with several connections
// may keep their tickets in one place and offer the ticket of any of them on any
// data connection. Under Prefer the ticket of another session with the same
// owner is as good as one of this session. Empty, the default, is nobody yet,
// and such a session's ticket is tolerated as well: it gives no right to anything.
func (s *Session) SetOwner(name string) {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	if s.layer.live[s.id] == s {
		s.layer.owners.exit(s.owner, s.id, false)
		s.layer.owners.enter(name)
		if own := s.layer.owners.of[name]; own != nil {
			own.newest = max(own.newest, s.given)
		}
		s.apart = s.apart && name == s.owner
	}
	s.owner = name
}

// ID returns the identity in hexadecimal, for logs. Knowing it is of no use to
// an attacker: it counts only inside a ticket sealed by the server.
func (s *Session) ID() string { return hex.EncodeToString(s.id[:]) }

// Control returns conn as the server's side of a TLS control connection. It
// never resumes: the full handshake makes every ticket issued on it this
// session's. Nothing is read ahead or held back. The caller closes it.
func (s *Session) Control(conn net.Conn) *Conn { return newConn(s, conn, kindControl, tls.Off) }

// Data returns conn as the server's side of a TLS data connection of this
// session. HandshakeContext judges it by reuse. The caller closes it.
func (s *Session) Data(conn net.Conn, reuse tls.Reuse) *Conn {
	return newConn(s, conn, kindData, reuse)
}

// remember keeps the digest of the certificate that the client has presented on
// the control connection.
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

func (s *Session) ownerName() string {
	s.layer.mu.Lock()
	defer s.layer.mu.Unlock()
	return s.owner
}
