package probe

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// world is a network in memory, for time to be faked in.
type world struct {
	control map[netip.AddrPort]*fake
	dead    map[netip.AddrPort]bool // no answer
	closed  bool                    // data ports are refused
	silent  bool                    // data ports do not answer
	shut    map[uint16]bool         // these data ports are refused
	dropped map[uint16]bool         // and these do not answer
	opens   int                     // how many data connections are let in before all are refused; 0 is no limit
	mu      sync.Mutex
	data    map[uint16]chan net.Conn
	came    int          // data connections
	hosts   []netip.Addr // of the server, beside there and other
	dialled []netip.AddrPort
	said    []string // the verbs that servers heard, and which of them in clear
}

func (w *world) hear(verb string, secure bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !secure {
		verb += " in clear"
	}
	w.said = append(w.said, verb)
}

var (
	here  = netip.MustParseAddr("198.51.100.7")
	there = netip.MustParseAddr("203.0.113.10")
	other = netip.MustParseAddr("203.0.113.11")
)

func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	at := netip.MustParseAddrPort(address)
	w.mu.Lock()
	w.dialled = append(w.dialled, at)
	f, data := w.control[at], w.data[at.Port()]
	w.mu.Unlock()
	client, server := newPair(netip.AddrPortFrom(here, 50000), at)
	switch {
	case w.dead[at], (w.silent || w.dropped[at.Port()]) && at.Port() > 1024:
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
	case f != nil:
		go f.serve(server)
	case data != nil && !w.closed && !w.shut[at.Port()] && !w.full():
		data <- server
	default:
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return client, nil
}

// full counts a data connection and reports whether it is one too many.
func (w *world) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.came++
	return w.opens > 0 && w.came > w.opens
}

// offer opens a data port for one connection.
func (w *world) offer(port uint16) chan net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.data == nil {
		w.data = make(map[uint16]chan net.Conn)
	}
	w.data[port] = make(chan net.Conn, 1)
	return w.data[port]
}

// stream is one direction of a connection.
type stream struct {
	mu       sync.Mutex
	changed  *sync.Cond
	buf      []byte
	ended    bool
	deadline time.Time
	timer    *time.Timer
}

func newStream() *stream {
	s := new(stream)
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		if !s.deadline.IsZero() && !time.Now().Before(s.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		s.changed.Wait()
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0, syscall.EPIPE
	}
	s.buf = append(s.buf, p...)
	s.changed.Broadcast()
	return len(p), nil
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.changed.Broadcast()
	if s.timer != nil {
		s.timer.Stop()
	}
}

func (s *stream) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.buf)
}

func (s *stream) setDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.deadline = t
	if !t.IsZero() && !s.ended {
		s.timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
	}
	s.changed.Broadcast()
}

// pipe is one end of a connection with room for all that is written.
type pipe struct {
	in, out       *stream
	local, remote netip.AddrPort
}

func newPair(client, server netip.AddrPort) (*pipe, *pipe) {
	up, down := newStream(), newStream()
	return &pipe{down, up, client, server}, &pipe{up, down, server, client}
}

func (p *pipe) Read(b []byte) (int, error)  { return p.in.read(b) }
func (p *pipe) Write(b []byte) (int, error) { return p.out.write(b) }
func (p *pipe) LocalAddr() net.Addr         { return net.TCPAddrFromAddrPort(p.local) }
func (p *pipe) RemoteAddr() net.Addr        { return net.TCPAddrFromAddrPort(p.remote) }

func (p *pipe) Close() error {
	p.in.end()
	p.out.end()
	return nil
}

func (p *pipe) SetReadDeadline(t time.Time) error { p.in.setDeadline(t); return nil }
func (p *pipe) SetWriteDeadline(time.Time) error  { return nil }
func (p *pipe) SetDeadline(t time.Time) error     { return p.SetReadDeadline(t) }
