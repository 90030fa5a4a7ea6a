//go:build linux

package lending

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/passive"
)

// Serve makes leases of ports for the process at the other end of a socket, until that process closes the socket
// or ends. joint is that of the server here, which has started.
func Serve(f *os.File, ports *passive.Ports, joint *Joint) error {
	s := &served{ports: ports, joint: joint, leases: map[uint64]*servedLease{}, ready: make(chan struct{})}
	peer, err := channel.NewPeer(f, channel.AnyFiles, s.answer)
	if err != nil {
		return err
	}
	s.prover = &prover{peer}
	joint.enter(s.prover)
	close(s.ready)
	go func() {
		<-peer.Done()
		s.end()
	}()
	return nil
}

// served is another process with leases here.
type served struct {
	ports  *passive.Ports
	joint  *Joint
	prover *prover
	ready  chan struct{}

	mu     sync.Mutex
	last   uint64
	leases map[uint64]*servedLease // nil after end
}

// servedLease is a lease made for another process.
type servedLease struct {
	*passive.Lease
	left func() // undoes that the lease counts as one of a session whose proof is asked for
}

// end closes all leases.
func (s *served) end() {
	s.mu.Lock()
	all := s.leases
	s.leases = nil
	s.mu.Unlock()
	s.joint.exit(s.prover)
	for _, l := range all {
		l.Close()
	}
}

// errNoLease answers a question about a lease that was closed.
var errNoLease = errors.New("lending: there is no such lease")

func (s *served) find(id uint64) *servedLease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[id]
}

func (s *served) answer(c *channel.Call, w *channel.Writer) (*os.File, error) {
	<-s.ready
	if c.Op == opLease {
		return nil, s.lease(c, w)
	}
	if c.Op == opElsewhere {
		session := c.String()
		w.String(s.joint.ownerOf(session, s.prover))
		return nil, nil
	}
	id := c.Uint()
	if c.Op == opClose {
		s.mu.Lock()
		l := s.leases[id]
		delete(s.leases, id)
		s.mu.Unlock()
		w.Bool(true)
		if l != nil {
			l.Close()
			l.left()
		}
		return nil, nil
	}
	l := s.find(id)
	if l == nil {
		return nil, errNoLease
	}
	switch c.Op {
	case opAccept:
		return accept(c.Ctx, l.Lease, w)
	case opStarting:
		l.TransferStarting()
		w.Bool(true)
		return nil, nil
	case opDropProof:
		w.Bool(l.DropProof())
		return nil, nil
	case opOver:
		w.Bool(l.Over())
		return nil, nil
	case opCloseUnused:
		l.CloseUnused()
		w.Bool(true)
		return nil, nil
	}
	return nil, errors.ErrUnsupported
}

// lease makes a lease, and answers with its number and port.
func (s *served) lease(c *channel.Call, w *channel.Writer) error {
	var q request
	if err := json.Unmarshal([]byte(c.String()), &q); err != nil {
		return channel.ErrMessage
	}
	r, left := q.passive(), func() {}
	if q.Proves {
		r.Prover = s.joint.prover
		left = s.joint.leased(q.Identity, s.prover)
	}
	l, err := s.ports.Lease(c.Ctx, r)
	if err != nil {
		left()
		return err
	}
	s.mu.Lock()
	if s.leases == nil {
		s.mu.Unlock()
		l.Close()
		left()
		return channel.ErrGone
	}
	s.last++
	id := s.last
	s.leases[id] = &servedLease{l, left}
	s.mu.Unlock()
	w.Uint(id)
	w.Uint(uint64(l.Port()))
	return nil
}

// accept waits for the connection of a lease, and answers with the connection.
func accept(ctx context.Context, l *passive.Lease, w *channel.Writer) (*os.File, error) {
	conn, err := l.Accept(ctx)
	if err != nil {
		return nil, err
	}
	if far, ok := conn.(*farConn); ok {
		w.Uint(far.number)
		return nil, nil
	}
	f, head, err := pass(conn)
	if err != nil {
		return nil, err
	}
	w.Uint(0)
	writeConn(w, conn, head)
	return f, nil
}

// prover is a passive.Prover that asks the process with the sessions.
type prover struct{ peer *channel.Peer }

// maxSaid bounds what is read of a connection to find out whose it is.
const maxSaid = 16 << 10

var errSaidTooMuch = errors.New("lending: the client says too much before it is known whose connection it is")

// Identify implements passive.Prover.
func (p *prover) Identify(conn net.Conn) (session string, replay net.Conn, err error) {
	r := &readAhead{Conn: conn}
	for {
		if len(r.head) > 0 {
			more := false
			err := p.peer.Ask(context.Background(), shortPatience, opIdentify, func(w *channel.Writer) { w.String(string(r.head)) }, nil, func(a *channel.Reader, _ *os.File) error {
				more, session = a.Bool(), a.String()
				return nil
			})
			if err != nil {
				return "", r, &farError{err}
			}
			if !more {
				return session, r, nil
			}
		}
		if len(r.head) >= maxSaid {
			return "", r, errSaidTooMuch
		}
		buf := make([]byte, 4<<10)
		n, err := conn.Read(buf)
		r.head = append(r.head, buf[:n]...)
		if err != nil {
			return "", r, err
		}
	}
}

// farError is an error of another process that was asked about a connection.
type farError struct{ error }

func (e *farError) Unwrap() error { return e.error }

// OwnerOf implements passive.Prover.
func (p *prover) OwnerOf(session string) (owner string) {
	p.peer.Ask(context.Background(), shortPatience, opOwner, func(w *channel.Writer) { w.String(session) }, nil, func(a *channel.Reader, _ *os.File) error {
		owner = a.String()
		return nil
	})
	return owner
}

// Handshake implements passive.Prover.
func (p *prover) Handshake(ctx context.Context, session string, conn net.Conn) (secured net.Conn, proven bool, err error) {
	f, head, err := pass(conn)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	far := &farConn{peer: p.peer, remote: conn.RemoteAddr(), local: conn.LocalAddr()}
	err = p.peer.Ask(ctx, leasePatience, opHandshake, func(w *channel.Writer) {
		w.String(session)
		writeConn(w, conn, head)
	}, f, func(a *channel.Reader, _ *os.File) error {
		far.number, proven = a.Uint(), a.Bool()
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return far, proven, nil
}

// readAhead is a connection whose first bytes were read to identify it, and are read again.
type readAhead struct {
	net.Conn
	head []byte
}

// NetConn returns the connection that readAhead wraps.
func (r *readAhead) NetConn() net.Conn { return r.Conn }

func (r *readAhead) Read(b []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.head)
	if r.head = r.head[n:]; len(r.head) == 0 {
		r.head = nil
	}
	return n, nil
}

// farConn stands for a connection whose handshake another process has done. That process has the connection.
type farConn struct {
	peer          *channel.Peer
	number        uint64
	remote, local net.Addr
}

var errFar = errors.New("lending: the connection is another process's")

func (c *farConn) Read([]byte) (int, error)         { return 0, errFar }
func (c *farConn) Write([]byte) (int, error)        { return 0, errFar }
func (c *farConn) LocalAddr() net.Addr              { return c.local }
func (c *farConn) RemoteAddr() net.Addr             { return c.remote }
func (c *farConn) SetDeadline(time.Time) error      { return nil }
func (c *farConn) SetReadDeadline(time.Time) error  { return nil }
func (c *farConn) SetWriteDeadline(time.Time) error { return nil }

// Close has the other process close the connection.
func (c *farConn) Close() error {
	return c.peer.Ask(context.Background(), shortPatience, opDiscard, func(w *channel.Writer) { w.Uint(c.number) }, nil, nil)
}
