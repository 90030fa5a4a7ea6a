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
	ending *strike   // the fault that cut the transfer
	moved  int64     // bytes that had moved by then
}

// sessions holds the sessions by the client's address, which both the listener and
// the server's hooks know.
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

// at returns the session of a client, never nil. A client that did not come by a
// listener of this package gets a session without a connection, which Drop can't
// close.
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

// watched is a listener that adds its connections to sessions.
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

// disarm takes away what arm has set and returns the fault that cut the transfer,
// nil for none.
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

// correct puts right what the server reports of a transfer that a fault has cut,
// since the server can't tell that a download was cut.
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
