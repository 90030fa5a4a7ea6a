package probe

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"github.com/sallyport/sallyport/internal/test/memnet"
)

// world is a network in memory, for tests in faked time.
type world struct {
	control map[netip.AddrPort]*fake
	dead    map[netip.AddrPort]bool // ports that don't answer
	closed  bool                    // all data ports are refused
	silent  bool                    // no data port answers
	shut    map[uint16]bool         // data ports that are refused
	dropped map[uint16]bool         // data ports that don't answer
	opens   int                     // how many data connections are accepted before all are refused; 0 for any number
	mu      sync.Mutex
	data    map[uint16]chan net.Conn
	came    int          // how many data connections have come
	hosts   []netip.Addr // addresses of the server besides there and other
	dialled []netip.AddrPort
	said    []string // verbs that servers have received, marked if in clear
}

func (w *world) hear(verb string, secure bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !secure {
		verb += " in clear"
	}
	w.said = append(w.said, verb)
}

// room is more than any test writes ahead, in bytes.
const room = 1 << 20

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
	client, server := memnet.Pair(netip.AddrPortFrom(here, 50000), at, room)
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

// full counts a data connection, and reports whether it is one too many.
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
