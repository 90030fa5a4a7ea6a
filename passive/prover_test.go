package passive

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/memnet"
)

// teller is a stand-in for TLS. A client says one line first:
//
//	proof NAME   its handshake proves that it is of the session NAME, or of another of the same owner
//	shows NAME   it claims to be of NAME, and its handshake proves nothing
//	fails NAME   it claims to be of NAME, and its handshake fails
//	slow NAME    like proof, after three seconds
//	stalls NAME  it claims to be of NAME, and its handshake goes on until it is cut
//	panics NAME  it claims to be of NAME, and its handshake panics
//	exits NAME   it claims to be of NAME, and its handshake ends the goroutine
//	anything     it claims nothing
type teller struct {
	owners map[string]string // by session; a session that is not in there has an owner of its own
}

// told is a connection that has said its line.
type told struct {
	net.Conn
	verb, name string
}

func (*teller) Identify(c net.Conn) (string, net.Conn, error) {
	if t, ok := c.(told); ok { // asked a second time
		return "", t, nil
	}
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := c.Read(b); err != nil {
			return "", c, err
		}
		if b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	verb, name, _ := strings.Cut(string(line), " ")
	return name, told{c, verb, name}, nil
}

func (t *teller) OwnerOf(session string) string {
	if owner, ok := t.owners[session]; ok {
		return owner
	}
	return "owner of " + session
}

const slowShake = 3 * time.Second

var errShake = errors.New("the handshake failed")

func (t *teller) Handshake(ctx context.Context, session string, c net.Conn) (net.Conn, bool, error) {
	conn := c.(told)
	switch conn.verb {
	case "slow":
		select {
		case <-time.After(slowShake):
		case <-ctx.Done():
			conn.Close()
			return nil, false, context.Cause(ctx)
		}
		fallthrough
	case "proof":
		return conn.Conn, conn.name == session || t.OwnerOf(conn.name) == t.OwnerOf(session), nil
	case "fails":
		conn.Close()
		return nil, false, errShake
	case "panics":
		panic("in the handshake")
	case "exits":
		runtime.Goexit()
	case "stalls":
		<-ctx.Done()
		conn.Close()
		return nil, false, context.Cause(ctx)
	}
	return conn.Conn, false, nil
}

// session returns a request of a session that can prove itself.
func session(p Prover, name string, policy ProofPolicy) Request {
	r := ask(alice)
	r.Session, r.Prover, r.Identity, r.Policy = name, p, name, policy
	r.Owner = p.OwnerOf(name)
	return r
}

// stage is Ports on a network in memory, in fake time, and what tests do with it.
type stage struct {
	*testing.T
	p     *Ports
	n     *memNet
	t     *teller
	start time.Time
}

// proving runs a test on a stage.
func proving(t *testing.T, set string, test func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, n := memPorts(t, set)
		defer p.Close()
		test(&stage{T: t, p: p, n: n, t: new(teller), start: time.Now()})
	})
}

func (s *stage) lease(name string, policy ProofPolicy) *Lease {
	s.Helper()
	return lease(s.T, s.p, session(s.t, name, policy))
}

// comes connects from an address and says a line, if any.
func (s *stage) comes(from string, line string) *visitor {
	s.Helper()
	if from == "elsewhere" {
		return s.from(eve, line)
	}
	return s.from(alice, line)
}

func (s *stage) from(addr netip.Addr, line string) *visitor {
	s.Helper()
	client, server := s.n.dial(addr, 21000)
	v := &visitor{s, client, server}
	if line != "" {
		v.say(line)
	}
	synctest.Wait()
	return v
}

// visitor is a connection to a data port.
type visitor struct {
	s      *stage
	client net.Conn
	server *memnet.Conn
}

func (v *visitor) say(line string) {
	v.s.Helper()
	if _, err := v.client.Write([]byte(line + "\n")); err != nil {
		require.True(v.s, v.refused(), "%v", err)
	}
	synctest.Wait()
}

func (v *visitor) refused() bool { return v.server.Closes() > 0 }

// asked asks for the transfer of a lease, by a call of Accept.
func (s *stage) asked(l *Lease) *taking {
	s.Helper()
	t := &taking{s: s, lease: l, done: make(chan struct{}), since: time.Now()}
	go func() {
		defer close(t.done)
		t.conn, t.err = l.Accept(s.Context())
		t.took = time.Since(t.since)
	}()
	synctest.Wait()
	return t
}

// taking is a call of Accept.
type taking struct {
	s     *stage
	lease *Lease
	done  chan struct{}
	since time.Time
	took  time.Duration
	conn  net.Conn
	err   error
}

func (t *taking) pending() {
	t.s.Helper()
	synctest.Wait()
	select {
	case <-t.done:
		require.Fail(t.s, "Accept returned", "%v", t.err)
	default:
	}
}

// gets wants a visitor's connection, after some time since the transfer was asked for.
func (t *taking) gets(v *visitor, after time.Duration) {
	t.s.Helper()
	<-t.done
	require.NoError(t.s, t.err)
	require.Same(t.s, v.server, t.conn)
	require.Equal(t.s, after, t.took)
	t.conn.Close()
}

// fails wants an error, after some time since the transfer was asked for.
func (t *taking) fails(want error, after time.Duration) {
	t.s.Helper()
	<-t.done
	require.ErrorIs(t.s, t.err, want)
	require.Equal(t.s, after, t.took)
}
