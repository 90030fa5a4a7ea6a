//go:build linux

package lending

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/passive"
)

// Questions about leases, for the process that has the ports.
const (
	opLease = channel.FirstOp + iota
	opAccept
	opStarting
	opDropProof
	opOver
	opClose
	opCloseUnused
	opElsewhere // whose session it is that neither the other process nor those whose leases that one makes have
)

// Questions of the process that has the ports, for the process that has the sessions.
const (
	opIdentify = channel.FirstOp + iota // whose connection begins with the given bytes
	opOwner
	opHandshake
	opDiscard // closes a connection whose handshake was done
)

// How long questions may take.
const (
	shortPatience = 10 * time.Second
	leasePatience = 3 * time.Minute  // longer than a client may wait for a port
	longPatience  = 15 * time.Minute // longer than a lease lasts
)

// maxHead bounds what may have been read of a connection that is passed on, in bytes.
const maxHead = 48 << 10

// request is a passive.Request in the form of a message.
type request struct {
	Client, Local, Dialled netip.Addr
	Session                string
	Proves                 bool // the request has a Prover
	Identity, Owner        string
	SharesTickets          bool
	UntestedTickets        bool
	Policy                 passive.ProofPolicy
	HelloTimeout           time.Duration
}

func requestOf(r passive.Request) request {
	return request{r.Client, r.Local, r.Dialled, r.Session, r.Prover != nil, r.Identity, r.Owner, r.SharesTickets, r.UntestedTickets, r.Policy, r.HelloTimeout}
}

func (q request) passive() passive.Request {
	return passive.Request{
		Client: q.Client, Local: q.Local, Dialled: q.Dialled, Session: q.Session, Identity: q.Identity, Owner: q.Owner,
		SharesTickets: q.SharesTickets, UntestedTickets: q.UntestedTickets, Policy: q.Policy, HelloTimeout: q.HelloTimeout,
	}
}

// pass prepares a connection for another process: it returns the descriptor, and the bytes that were read from the
// network and not from conn. It closes conn, which the client doesn't notice.
func pass(conn net.Conn) (f *os.File, head string, err error) {
	defer conn.Close()
	below := tcp.Below(conn)
	if below == nil {
		return nil, "", errors.New("lending: this is no TCP connection")
	}
	if head, err = unread(conn); err != nil {
		return nil, "", err
	}
	f, err = below.File()
	return f, head, err
}

// unread returns the bytes that conn has read ahead. It reads nothing from the network.
func unread(conn net.Conn) (string, error) {
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return "", err
	}
	var head []byte
	buf := make([]byte, 4<<10)
	for len(head) <= maxHead {
		n, err := conn.Read(buf)
		head = append(head, buf[:n]...)
		if err != nil { // includes the connection's end, which the next process sees, too
			return string(head), conn.SetReadDeadline(time.Time{})
		}
	}
	return "", errors.New("lending: too much was read of a connection")
}

// writeConn writes the head that pass has returned, and the addresses of conn, which a PROXY header may have set.
func writeConn(w *channel.Writer, conn net.Conn, head string) {
	w.String(conn.RemoteAddr().String())
	w.String(conn.LocalAddr().String())
	w.String(head)
}

// readConn returns a connection that another process has passed on.
func readConn(r *channel.Reader, f *os.File) (net.Conn, error) {
	remote, local, head := r.String(), r.String(), r.String()
	if f == nil {
		return nil, channel.ErrMessage
	}
	defer f.Close()
	if err := r.Mistake(); err != nil {
		return nil, err
	}
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	from, err1 := netip.ParseAddrPort(remote)
	at, err2 := netip.ParseAddrPort(local)
	if err := errors.Join(err1, err2); err != nil {
		conn.Close()
		return nil, channel.ErrMessage
	}
	if head == "" && conn.RemoteAddr().String() == remote && conn.LocalAddr().String() == local {
		return conn, nil
	}
	return &passed{conn, []byte(head), net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(at)}, nil
}

// passed is a connection that another process has read the head of.
type passed struct {
	net.Conn
	head          []byte
	remote, local net.Addr
}

// NetConn returns the connection that passed wraps.
func (p *passed) NetConn() net.Conn { return p.Conn }

func (p *passed) RemoteAddr() net.Addr { return p.remote }

func (p *passed) LocalAddr() net.Addr { return p.local }

func (p *passed) Read(b []byte) (int, error) {
	if len(p.head) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.head)
	if p.head = p.head[n:]; len(p.head) == 0 {
		p.head = nil
	}
	return n, nil
}
