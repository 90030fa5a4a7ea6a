package passive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
)

// Prover tells to which session a data connection belongs. A program that has sessions under TLS, such as a server, has
// one Prover and passes it with each [Request]. Any number of programs, each with its own, may share [Ports]. Its
// methods are called concurrently, and never while the lease table is locked. A Prover must be comparable, as a pointer
// is. The sessions may live in another process.
type Prover interface {
	// Identify reads what the client says first, without answering, and returns the [Request.Identity] of the session
	// that the connection claims to be for; "" when it claims no living session. Such a claim proves nothing. replay is
	// the connection with what was read put back, and is returned beside an error as well. A read deadline and Close
	// end the reading.
	Identify(conn net.Conn) (session string, replay net.Conn, err error)
	// OwnerOf returns the [Request.Owner] of the session that a connection claims to be for, "" for a session that
	// nobody has logged in to, whose claims count for nothing.
	OwnerOf(session string) string
	// Handshake does on a connection what has to come first, such as the TLS handshake, on behalf of a session.
	// proven reports whether the connection has proved that it is that session's. Handshake may succeed without proof:
	// then the connection is given away only where a connection without proof would be, and Handshake must not have
	// told the client anything that lets the client prove itself later. Handshake closes conn on failure. It must have
	// a limit of time of its own.
	Handshake(ctx context.Context, session string, conn net.Conn) (secured net.Conn, proven bool, err error)
}

// ProofPolicy says what a session's data connections are expected to prove.
type ProofPolicy uint8

const (
	// Untested is a session whose first data connection is yet to come. The only connection without proof is good
	// enough for it. The zero value.
	Untested ProofPolicy = iota
	// Expected is a session that has proved itself before, and therefore has to again.
	Expected
	// Unlikely is a session whose data connections come without proof. The only one that comes is good enough.
	Unlikely
	// Required is a session that has to prove itself from the first data connection on.
	Required
	// Waived is a session of which no proof is wanted: whatever comes first from the client's address belongs to the
	// session, whose lease is alone with that address on a port, as without a Prover. All that the Prover does for such
	// a session is the handshake, as soon as the client has spoken.
	Waived
)

// demands reports whether nothing but proof counts for the session.
func (p ProofPolicy) demands() bool { return p == Expected || p == Required }

// identity names a session: a [Request.Identity] means something only together with its Prover.
type identity struct {
	prover  Prover
	session string
}

// owner names an owner: a [Request.Owner] means something only together with its Prover.
type owner struct {
	prover Prover
	name   string
}

func (r *Request) owner() owner { return owner{r.Prover, r.Owner} }

// ErrPanic is returned by [Lease.Accept] when the Handshake of a Prover panicked; the stack is in its text. A panic in
// Identify or OwnerOf loses the connection, as if its client had hung up: Accept waits on for another one, and returns
// [ErrGone] or [ErrExpired] in the end.
var ErrPanic = errors.New("passive: panic in the prover")

// identify asks the provers of a door, in turn, whose a connection claims to be.
func identify(provers []Prover, conn net.Conn) (claim identity, replay net.Conn, err error) {
	replay = conn
	defer recovered(&err)
	for _, p := range provers {
		var session string
		session, replay, err = p.Identify(replay)
		if err != nil || session != "" {
			return identity{p, session}, replay, err
		}
	}
	return identity{}, replay, nil
}

// prove does the handshake of a connection. A panic of the prover closes the connection.
func prove(ctx context.Context, who identity, conn net.Conn) (secured net.Conn, proven bool, err error) {
	returned := false
	defer func() {
		if !returned {
			quietly(conn)
		}
	}()
	defer recovered(&err)
	secured, proven, err = who.prover.Handshake(ctx, who.session, conn)
	returned = true
	return secured, proven, err
}

// recovered makes an error of a panic in foreign code, so that it ends one connection and not the process.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: %v\n%s", ErrPanic, v, debug.Stack())
	}
}

// provers holds the Provers of the leases on a door, nearly always one, and how many leases each has.
type provers struct {
	list  []Prover
	count []int
}

func (p *provers) enter(one Prover) {
	i := slices.Index(p.list, one)
	if i < 0 {
		i = len(p.list)
		p.list, p.count = append(slices.Clip(p.list), one), append(p.count, 0) // hear may still read the old list
	}
	p.count[i]++
}

func (p *provers) exit(one Prover) {
	i := slices.Index(p.list, one)
	if p.count[i]--; p.count[i] == 0 {
		p.list, p.count = slices.Concat(p.list[:i], p.list[i+1:]), slices.Delete(p.count, i, i+1)
	}
}
