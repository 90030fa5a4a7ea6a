package ftptls

import (
	"bytes"
	stdtls "crypto/tls"

	"github.com/sallyport/sallyport/tls"
)

// kind tells control from data connections and, in a ticket, names the kind that
// the ticket was issued on.
type kind byte

const (
	kindControl kind = 'C'
	kindData    kind = 'D' // in a ticket: issued on a data connection that had proved whose it is
	// kindUnproven is a ticket issued on a data connection that had proved
	// nothing. Whoever made that connection may resume the ticket to save
	// time, which is no proof either: one unproven transfer, by whomever, must
	// not turn into the right to all that follow.
	kindUnproven kind = 'U'
)

const (
	idSize = 16
	// ticketMark begins our entry in SessionState.Extra, which is to be
	// shared with other layers: an entry is recognised by it, wherever it is.
	ticketMark = "sallyport/1\x00"
	entrySize  = len(ticketMark) + idSize + 1
)

// entry returns what a ticket says of the session it belongs to.
func (s *Session) entry(k kind) []byte {
	e := make([]byte, 0, entrySize)
	e = append(e, ticketMark...)
	e = append(e, s.id[:]...)
	return append(e, byte(k))
}

// ticketOf finds in a ticket the session and the kind of connection that the
// ticket was issued on; k is 0 for a ticket that is not ours.
func ticketOf(state *stdtls.SessionState) (id [idSize]byte, k kind) {
	for _, e := range state.Extra {
		if len(e) == entrySize && bytes.HasPrefix(e, []byte(ticketMark)) {
			copy(id[:], e[len(ticketMark):])
			return id, kind(e[entrySize-1])
		}
	}
	return id, 0
}

// worth returns what a ticket is worth that a connection gets now.
func (c *Conn) worth(cs tls.ConnectionState) kind {
	if c.kind == kindData && !(cs.DidResume && c.proof) {
		return kindUnproven
	}
	return c.kind
}

// wrapSession seals a ticket. crypto/tls calls it exactly when it is about to
// write one, and so it is also where the ticket's records get announced to
// the transport that holds them back.
func (c *Conn) wrapSession(cs tls.ConnectionState, state *stdtls.SessionState) ([]byte, error) {
	worth := c.worth(cs)
	state.Extra = append(state.Extra, c.session.entry(worth))
	if worth != kindUnproven {
		c.session.give()
	}
	ticket, err := c.session.layer.base.EncryptTicket(cs, state)
	if err != nil {
		return nil, err
	}
	// Up to TLS 1.2 the client reads the ticket before its handshake is over.
	if c.kind == kindData && cs.Version == tls.VersionTLS13 {
		c.out.holdBack(ticketRecords(len(ticket)))
	}
	return ticket, nil
}

// unwrapSession opens a ticket that a client offers and says whether it may
// be resumed. Under Require only a ticket of this very session may be. Under
// Prefer and Off a ticket of another session of the same owner may be as well,
// since the owner's program may keep all tickets in one place. Afterwards
// crypto/tls checks that the client holds the secret.
func (c *Conn) unwrapSession(ticket []byte, cs tls.ConnectionState) (*stdtls.SessionState, error) {
	var state *stdtls.SessionState
	if c.offer != nil && bytes.Equal(ticket, c.offer.ticket) {
		state = c.offer.state
	}
	if state == nil {
		var err error
		if state, err = c.session.layer.base.DecryptTicket(ticket, cs); err != nil || state == nil {
			return nil, err
		}
	}
	id, k := ticketOf(state)
	switch {
	case k == 0:
		return nil, nil
	case id != c.session.id && !c.sibling(id):
		c.offered = id
		return nil, nil
	}
	c.other = id != c.session.id
	_, here := c.session.layer.known(id)
	c.abroad = c.other && !here
	c.passedOver = !c.other && c.session.passesOver()
	c.proof = k != kindUnproven // holds for the ticket that crypto/tls takes: the last that it asks about
	return state, nil
}

// sibling reports whether the tickets of another session count for this one: the
// owner is the same, the other session still counts, and the policy is not
// Require.
func (c *Conn) sibling(id [idSize]byte) bool {
	if c.kind != kindData || c.reuse == tls.Require {
		return false
	}
	owner, _ := c.session.layer.anywhere(id)
	return owner != "" && owner == c.session.ownerName()
}

// continues reports whether the ClientHello of a data connection is going to
// resume this very session and brings the share for X25519.
//
// The secrets of such a connection come from the secret of the ticket as well
// (RFC 8446, section 7.1). The hybrid exchange of the control connection is part
// of that secret: a second hybrid exchange would cost 0.15 ms of CPU per file and
// add nothing. A connection that does not resume keeps the hybrid.
func (c *Conn) continues() bool {
	if c.offer == nil {
		c.offer = c.session.layer.offer(c.in.clientHello())
	}
	return c.offer.id == c.session.id && c.offer.x25519
}

// ticketRecords returns how many records a TLS 1.3 NewSessionTicket message (RFC
// 8446, section 4.6.1) with a ticket of that size fills: one, unless long
// chains of client certificates are in it.
func ticketRecords(ticket int) int {
	// Type and length, lifetime, age, empty nonce, ticket's length, empty
	// extensions.
	const rest = 4 + 4 + 4 + 1 + 2 + 2
	return (rest + ticket + maxPlaintext - 1) / maxPlaintext
}
