//go:build linux

package lending

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/passive"
)

// Table has leases made by the process that has the ports. It serves the sessions of one server. The zero value is
// ready.
type Table struct {
	mu      sync.Mutex
	peer    *channel.Peer // nil before the first Use
	next    chan struct{} // is closed when peer changes
	prover  passive.Prover
	number  uint64 // the number of the connection kept last
	secured map[uint64]net.Conn
}

var _ passive.Table = (*Table)(nil)

// Use has the process at the other end of a socket make leases from now on. Earlier leases stay with the process
// before.
func (t *Table) Use(f *os.File) error {
	peer, err := channel.NewPeer(f, channel.AnyFiles, t.answer)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.peer = peer
	if t.next != nil {
		close(t.next)
		t.next = nil
	}
	return nil
}

// current returns the socket in use, and a channel that is closed when another is.
func (t *Table) current() (peer *channel.Peer, next <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next = make(chan struct{})
	}
	return t.peer, t.next
}

// awaited bounds how long Lease waits for another process to take over the ports after one has ended.
const awaited = 10 * time.Second

// Lease implements passive.Table.
func (t *Table) Lease(ctx context.Context, r passive.Request) (passive.TableLease, error) {
	text, err := json.Marshal(requestOf(r))
	if err != nil {
		return nil, err
	}
	if r.Prover != nil {
		t.setProver(r.Prover)
	}
	late := time.NewTimer(awaited)
	defer late.Stop()
	for {
		peer, next := t.current()
		l := &lease{table: t, peer: peer}
		err := channel.ErrGone
		if peer != nil {
			err = peer.Ask(ctx, leasePatience, opLease, func(w *channel.Writer) { w.String(string(text)) }, nil, func(a *channel.Reader, _ *os.File) error {
				l.id, l.port = a.Uint(), uint16(a.Uint())
				return nil
			})
		}
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, channel.ErrGone) {
			return nil, err
		}
		select {
		case <-next:
		case <-late.C:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *Table) setProver(p passive.Prover) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prover = p
}

// ownerOf asks the process that has the ports whose session it is that is not here. there is false if this process has
// the ports itself.
func (t *Table) ownerOf(session string) (owner string, there bool) {
	peer, _ := t.current()
	if peer == nil {
		return "", false
	}
	peer.Ask(context.Background(), shortPatience, opElsewhere, func(w *channel.Writer) { w.String(session) }, nil, func(r *channel.Reader, _ *os.File) error {
		owner = r.String()
		return nil
	})
	return owner, true
}

// answer answers whose a connection is, and does handshakes.
func (t *Table) answer(c *channel.Call, w *channel.Writer) (*os.File, error) {
	t.mu.Lock()
	prover := t.prover
	t.mu.Unlock()
	switch c.Op {
	case opIdentify:
		head := []byte(c.String())
		if prover == nil {
			return nil, channel.ErrMessage
		}
		said := &heard{head: head}
		session, _, err := prover.Identify(said)
		w.Bool(said.wanted)
		w.String(session)
		if said.wanted {
			err = nil
		}
		return nil, err
	case opOwner:
		session := c.String()
		if prover == nil {
			return nil, channel.ErrMessage
		}
		w.String(prover.OwnerOf(session))
		return nil, nil
	case opHandshake:
		session, f := c.String(), c.File
		c.File = nil
		conn, err := readConn(c.Reader, f)
		if err != nil {
			return nil, err
		}
		if prover == nil {
			conn.Close()
			return nil, channel.ErrMessage
		}
		secured, proven, err := prover.Handshake(c.Ctx, session, conn)
		if err != nil {
			return nil, err
		}
		if err := c.Ctx.Err(); err != nil {
			secured.Close()
			return nil, err
		}
		w.Uint(t.put(secured))
		w.Bool(proven)
		return nil, nil
	case opDiscard:
		if conn := t.take(c.Uint()); conn != nil {
			conn.Close()
		}
		return nil, nil
	}
	return nil, errors.ErrUnsupported
}

// put keeps a connection whose handshake is done until a lease gets it, and returns its number.
func (t *Table) put(conn net.Conn) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.secured == nil {
		t.secured = map[uint64]net.Conn{}
	}
	t.number++
	t.secured[t.number] = conn
	return t.number
}

func (t *Table) take(number uint64) net.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	conn := t.secured[number]
	delete(t.secured, number)
	return conn
}

// heard is a connection to identify, of which only the bytes that another process has read are here.
type heard struct {
	net.Conn // nil
	head     []byte
	wanted   bool // more bytes than head were wanted
}

func (h *heard) Read(b []byte) (int, error) {
	if len(h.head) == 0 {
		h.wanted = true
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(b, h.head)
	h.head = h.head[n:]
	return n, nil
}

// lease is a lease that another process has made.
type lease struct {
	table *Table
	peer  *channel.Peer
	id    uint64
	port  uint16
}

func (l *lease) Port() uint16 { return l.port }

// Accept implements passive.TableLease.
func (l *lease) Accept(ctx context.Context) (conn net.Conn, err error) {
	err = l.peer.Ask(ctx, longPatience, opAccept, func(w *channel.Writer) { w.Uint(l.id) }, nil, func(r *channel.Reader, f *os.File) error {
		number := r.Uint()
		if number == 0 {
			conn, err = readConn(r, f)
			return err
		}
		if f != nil {
			f.Close()
		}
		if conn = l.table.take(number); conn == nil {
			return channel.ErrMessage
		}
		return nil
	})
	if err != nil && conn != nil {
		conn.Close()
		conn = nil
	}
	if errors.Is(err, channel.ErrGone) {
		err = errors.Join(passive.ErrClosed, err)
	}
	return conn, err
}

// tell asks a question about the lease that is answered by yes or no. It returns otherwise if there is no answer.
func (l *lease) tell(op byte, otherwise bool) (yes bool) {
	err := l.peer.Ask(context.Background(), shortPatience, op, func(w *channel.Writer) { w.Uint(l.id) }, nil, func(r *channel.Reader, _ *os.File) error {
		yes = r.Bool()
		return nil
	})
	if err != nil {
		return otherwise
	}
	return yes
}

func (l *lease) TransferStarting() { l.tell(opStarting, false) }
func (l *lease) DropProof() bool   { return l.tell(opDropProof, false) }
func (l *lease) Over() bool        { return l.tell(opOver, true) }
func (l *lease) CloseUnused()      { l.tell(opCloseUnused, true) }

// Close implements passive.TableLease.
func (l *lease) Close() error {
	l.tell(opClose, false)
	return nil
}
