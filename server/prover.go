package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// prover tells the data ports which session a data connection belongs to, by the TLS
// ticket that the connection shows and the handshake that follows. A server has one
// prover.
type prover struct {
	srv *Server

	mu       sync.Mutex
	sessions map[string]*session // those under TLS, by ftptls.Session.ID
}

var _ passive.Prover = (*prover)(nil)

// enter makes a session known whose control connection has come under TLS.
func (p *prover) enter(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions == nil {
		p.sessions = make(map[string]*session)
	}
	p.sessions[s.ctl.bind.ID()] = s
}

// exit forgets a session that enter made known.
func (p *prover) exit(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, s.ctl.bind.ID())
}

// Identify implements passive.Prover.
func (p *prover) Identify(conn net.Conn) (session string, replay net.Conn, err error) {
	return p.srv.layer.Identify(conn)
}

// OwnerOf implements passive.Prover.
func (p *prover) OwnerOf(session string) string { return p.srv.layer.Owner(session) }

// Handshake implements passive.Prover.
func (p *prover) Handshake(ctx context.Context, session string, conn net.Conn) (secured net.Conn, proven bool, err error) {
	p.mu.Lock()
	s := p.sessions[session]
	p.mu.Unlock()
	if s == nil {
		conn.Close()
		return nil, false, errSessionEnded
	}
	c, err := s.secureData(s.context(ctx), conn, s.reuseDemanded())
	if err != nil {
		return nil, false, err
	}
	if c.tls.Resumed() {
		s.proof.given.Add(1)
	}
	return c, c.tls.Resumed(), nil
}

var errSessionEnded = errors.New("server: the session has ended")

// proof is what a session's data connections have proved so far by resuming TLS
// sessions, and thereby what is demanded of the next. After one has proved itself
// later ones have to do so as well, and nobody else who comes to the port can change
// that. Only the client itself can: some clients use a TLS 1.3 ticket once, as
// recommended (RFC 8446, appendix C.4), and have no ticket left after a data
// connection that gave no new one, because the connection was not used, was cut, or
// ended before the client looked for a ticket, as curl does at the end of an upload.
// The next connection is then taken without proof, until the client has shown after the
// same kind of use that it has a ticket all the same.
//
// A client that has to prove itself and has lost its tickets, for example after its
// handshake was cut (crypto/tls forgets a ticket then), can transfer nothing more in its
// session: the replies tell it to log in again. The session doesn't end for that, since
// whoever keeps a connection of the client away could end it.
type proof struct {
	policy passive.ProofPolicy // what is demanded until a data connection has proved itself
	ever   bool                // a data connection has proved itself
	given  atomic.Int64        // how many data connections have proved themselves
	used   int64               // the value of given at the last transfer
	spent  uses                // after which the client may have no ticket left
	keeps  uses                // after which the client had one all the same, and always will
	loses  bool                // the client had none
	shares bool                // other sessions of the owner may use the session's tickets up, for all that is known
	own    int                 // how many proofs in a row were by the session's own ticket
	sorted int                 // likewise while the owner had other sessions, since the last by one of theirs
}

// uses are kinds of use of a data connection, in a set.
type uses uint8

const (
	uploaded uses = 1 << iota // for an upload
	broken                    // for a transfer that failed
	unused                    // for a transfer that was refused or did not begin
)

// sortedAfter is how many data connections have to show their own session's ticket
// before the session is believed to have a ticket of its own always. If its owner had
// other sessions meanwhile, its program is then believed to keep the tickets of its
// sessions apart. A program that keeps all tickets in one place (curl --parallel)
// shows the right one by chance.
const sortedAfter = 8

// demand returns what the next data connection has to prove.
func (p *proof) demand(reuse tls.Reuse) passive.ProofPolicy {
	if given := p.given.Load(); given > p.used {
		p.used, p.spent = given, p.spent|unused
	}
	switch {
	case reuse == tls.Require:
		return passive.Required
	case p.ever && p.spent&^p.keeps == 0 && !p.shares:
		return passive.Expected
	case p.ever && !p.loses:
		return passive.Untested
	case p.ever:
		return passive.Unlikely
	}
	return p.policy
}

// learn notes what the data connection of a transfer has proved.
func (p *proof) learn(t *transfer, err error) {
	switch {
	case t.resumed:
		p.keeps |= p.spent
		p.used = p.given.Load()
		p.ever, p.spent = true, 0
		if t.upload {
			p.spent |= uploaded
		}
		if err != nil {
			p.spent |= broken
		}
		p.own++
		switch {
		case t.sibling:
			p.own, p.sorted = 0, 0
		case t.sorted:
			p.sorted++
		}
	case t.secured:
		p.policy, p.loses = passive.Unlikely, true
		if p.spent == 0 {
			p.own = 0 // other sessions may have used its tickets up
		}
	}
}

// isUnproven reports whether a transfer failed since its data connection proved nothing.
func isUnproven(err error) bool {
	return errors.Is(err, passive.ErrUnproven) || errors.Is(err, tls.ErrNotResumed)
}

// steady reports whether the session has shown its own ticket so many times in a row that
// other sessions are believed to leave its tickets alone.
func (p *proof) steady() bool { return p.own >= sortedAfter }
