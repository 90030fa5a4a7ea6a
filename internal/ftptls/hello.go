package ftptls

import (
	stdtls "crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"iter"
	"net"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/rawio"
	"github.com/sallyport/sallyport/tls"
)

// maxHello bounds what Identify reads before it knows whose a connection is. With
// every extension and a post-quantum key share a ClientHello has some 2 KiB.
const maxHello = 16 << 10

// helloRoom is the room that a ClientHello gets at first, enough for nearly all.
const helloRoom = 2 << 10

var errHelloTooLong = errors.New("tls: the ClientHello is too long")

// Identify reads the ClientHello on a data connection and tells, without
// answering, which session's ticket it shows: the ID of a living Session of this
// layer, or "" when it shows none. Tickets travel in clear and anybody may show
// one, so the ID is a claim. It is proven when the handshake on replay, by
// [Session.Data], has resumed the ticket.
//
// replay is conn with what was read put back. It is returned with an error as
// well, so that a caller may interrupt Identify by a read deadline and lose
// nothing. Bytes that are no ClientHello claim nothing; the handshake will fail on
// them. Closing replay before anything was read from it answers a ClientHello with
// an alert.
func (l *Layer) Identify(conn net.Conn) (session string, replay net.Conn, err error) {
	conn = rawio.On(conn)
	r := &replayConn{Conn: conn, head: make([]byte, 0, helloRoom)}
	for {
		hello, missing := clientHello(r.head)
		if !missing {
			r.offer = l.offer(hello)
			r.unread.Store(hello != nil)
			if _, ok := l.known(r.offer.id); !ok {
				return "", r, nil
			}
			if l.replayed(r.offer.random) {
				return "", r, errReplayed
			}
			return hex.EncodeToString(r.offer.id[:]), r, nil
		}
		if len(r.head) >= maxHello {
			return "", r, errHelloTooLong
		}
		if len(r.head) == cap(r.head) {
			r.head = append(r.head, 0)[:len(r.head)]
		}
		n, err := conn.Read(r.head[len(r.head):cap(r.head)])
		r.head = r.head[:len(r.head)+n]
		if err != nil {
			return "", r, err
		}
	}
}

// randomSize is the size of a ClientHello's random (RFC 8446, section 4.1.2).
const randomSize = 32

// offer is what a ClientHello offers to resume. Zero is nothing.
type offer struct {
	id     [idSize]byte // the session that the ticket is of
	ticket []byte
	state  *stdtls.SessionState // what the ticket holds
	x25519 bool                 // a share for that key exchange comes along
	random [randomSize]byte     // of the ClientHello
}

// offer finds a ticket of this layer in the body of a ClientHello, preferably of
// a living session.
func (l *Layer) offer(hello []byte) *offer {
	found := new(offer)
	if len(hello) >= 2+randomSize {
		copy(found.random[:], hello[2:])
	}
	for ticket := range tickets(hello) {
		state, err := l.base.DecryptTicket(ticket, tls.ConnectionState{})
		if err != nil || state == nil {
			continue
		}
		id, k := ticketOf(state)
		if k != kindControl && k != kindData {
			continue
		}
		found.id, found.ticket, found.state = id, ticket, state
		if _, ok := l.known(id); ok {
			found.x25519 = offersShare(hello, tls.X25519)
			break
		}
	}
	return found
}

// replayConn is a connection whose first bytes were read before and are read
// again.
type replayConn struct {
	net.Conn
	head   []byte
	offer  *offer
	unread atomic.Bool // head is a ClientHello of which nothing was read yet; Close may come while it is read
}

// ShowsTicket reports whether a ticket was shown that this server's keys open, of whatever session.
func (r *replayConn) ShowsTicket() bool { return r.offer != nil && r.offer.ticket != nil }

// offerOn returns what Identify has found on conn or on a connection below it, nil
// if Identify was not called.
func offerOn(conn net.Conn) *offer {
	for {
		switch c := conn.(type) {
		case *replayConn:
			return c.offer
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

func (r *replayConn) Read(p []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Conn.Read(p)
	}
	r.unread.Store(false)
	n := copy(p, r.head)
	if r.head = r.head[n:]; len(r.head) == 0 {
		r.head = nil
	}
	return n, nil
}

// Close closes the connection. A client whose ClientHello nobody answers hears
// that it is not let in (RFC 8446, section 6.2: access_denied).
func (r *replayConn) Close() error {
	if r.unread.Load() {
		r.SetWriteDeadline(time.Now().Add(alertTime))
		r.Write(accessDenied)
	}
	return r.Conn.Close()
}

// alertTime bounds the writing of an alert, which fits into any buffer.
const alertTime = time.Second

var accessDenied = []byte{recordAlert, 3, 3, 0, 2, alertFatal, alertAccessDenied}

// NetConn returns the connection itself, of which the first bytes are missing.
func (r *replayConn) NetConn() net.Conn { return r.Conn }

const (
	recordAlert        = 21 // RFC 8446, section 5.1
	alertFatal         = 2  // RFC 8446, section 6
	alertAccessDenied  = 49 // RFC 8446, section 6
	recordHandshake    = 22 // RFC 8446, section 5.1
	messageClientHello = 1  // RFC 8446, section 4
	extSessionTicket   = 35 // RFC 5077, section 3.2
	extPreSharedKey    = 41 // RFC 8446, section 4.2
	extKeyShare        = 51 // RFC 8446, section 4.2.8
)

// clientHello returns the body of the ClientHello that p begins with, or nil
// when p begins with something else; missing tells that p may be the beginning
// of one and more has to come. The message may be spread over records.
func clientHello(p []byte) (body []byte, missing bool) {
	var message []byte
	for {
		if len(p) > 0 && p[0] != recordHandshake {
			return nil, false
		}
		size := recordSize(p)
		if size == 0 {
			return nil, true
		}
		if size > maxRecord || size == recordHeader {
			return nil, false
		}
		if part := p[recordHeader:min(size, len(p))]; message == nil {
			message = part[:len(part):len(part)] // all of it, nearly always
		} else {
			message = append(message, part...)
		}
		if len(message) > 0 && message[0] != messageClientHello {
			return nil, false
		}
		if len(message) >= 4 {
			length := int(message[1])<<16 | int(message[2])<<8 | int(message[3])
			if length > maxHello {
				return nil, false
			}
			if len(message) >= 4+length {
				return message[4 : 4+length], false
			}
		}
		if size > len(p) {
			return nil, true
		}
		p = p[size:]
	}
}

// tickets yields what a ClientHello offers to resume: the identities of
// pre_shared_key, and the ticket of TLS 1.2.
func tickets(hello []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for kind, data := range extensions(hello) {
			switch kind {
			case extSessionTicket:
				if len(data) > 0 && !yield(data) {
					return
				}
			case extPreSharedKey:
				ids := data.take(data.number(2))
				for len(ids) > 0 {
					ticket := ids.take(ids.number(2))
					ids.skip(4) // age
					if len(ticket) > 0 && !yield(ticket) {
						return
					}
				}
			}
		}
	}
}

// offersShare reports whether a ClientHello brings a key share of a group.
func offersShare(hello []byte, group tls.CurveID) bool {
	for kind, data := range extensions(hello) {
		if kind != extKeyShare {
			continue
		}
		for shares := data.take(data.number(2)); len(shares) > 0; {
			id := tls.CurveID(shares.number(2))
			if share := shares.take(shares.number(2)); id == group && len(share) > 0 {
				return true
			}
		}
	}
	return false
}

// extensions yields the types and contents of the extensions in a ClientHello (RFC
// 8446, section 4.1.2).
func extensions(hello []byte) iter.Seq2[int, cursor] {
	return func(yield func(int, cursor) bool) {
		c := cursor(hello)
		c.skip(2 + randomSize) // version, random
		c.skip(c.number(1))    // session ID
		c.skip(c.number(2))    // cipher suites
		c.skip(c.number(1))    // compression
		exts := c.take(c.number(2))
		for len(exts) > 0 {
			kind := exts.number(2)
			if !yield(kind, exts.take(exts.number(2))) {
				return
			}
		}
	}
}

// cursor reads a message from its front. Past the end everything is empty.
type cursor []byte

func (c *cursor) take(n int) cursor {
	if n > len(*c) {
		*c, n = nil, 0
	}
	head := (*c)[:n]
	*c = (*c)[n:]
	return head
}

func (c *cursor) skip(n int) { c.take(n) }

// number reads a big-endian number of 1 or 2 bytes.
func (c *cursor) number(size int) int {
	b := c.take(size)
	switch len(b) {
	case 1:
		return int(b[0])
	case 2:
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}
