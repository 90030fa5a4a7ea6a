package ftpstest

import (
	"net"
	"net/netip"
	"sync"

	"github.com/sallyport/sallyport/server"
)

// session is a control connection as the transcript and the faults see it.
type session struct {
	number int // in the transcript
	conn   net.Conn

	mu     sync.Mutex
	armed  []*strike // faults of the transfer under way
	ending *strike   // the one that cut it
	moved  int64     // bytes, when it did
}

// sessions are found by the client's address, which the listener and the
// server's hooks both know.
type sessions struct {
	mu    sync.Mutex
	count int
	of    map[netip.AddrPort]*session
}

func (all *sessions) add(conn net.Conn) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.of == nil {
		all.of = make(map[netip.AddrPort]*session)
	}
	all.count++
	all.of[peerOf(conn)] = &session{number: all.count, conn: conn}
}

// at returns the session of a client. It is never nil: one that Configure let in by
// another way can't be dropped, and that is all.
func (all *sessions) at(peer netip.AddrPort) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	if s := all.of[peer]; s != nil {
		return s
	}
	return new(session)
}

func (all *sessions) remove(peer netip.AddrPort) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.of, peer)
}

func peerOf(conn net.Conn) netip.AddrPort {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// watched is a listener that tells of its connections.
type watched struct {
	net.Listener
	sessions *sessions
}

// Accept implements net.Listener.
func (w watched) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err == nil {
		w.sessions.add(conn)
	}
	return conn, err
}

// arm makes faults wait for the data connection of the command under way.
func (s *session) arm(strikes []*strike) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.ending, s.moved = strikes, nil, 0
}

// disarm ends that and returns the fault that cut the transfer, nil for none.
func (s *session) disarm() *strike {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = nil
	return s.ending
}

// waiting returns the armed faults.
func (s *session) waiting() []*strike {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.armed
}

// cut notes that a fault has cut the transfer.
func (s *session) cut(by *strike, moved int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending, s.moved = by, moved
}

// correct makes a finished transfer what it was: the server can't tell that a
// download was cut.
func (s *session) correct(t *server.Transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending != nil {
		t.Bytes = s.moved
		if t.Err == nil && s.ending.code() >= 400 {
			t.Err = errCut
		}
	}
}
