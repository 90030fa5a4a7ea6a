package server

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/tcp"
)

// drains are data connections that the server has ended and the client has not.
// A kernel that closes a connection with input unread, or gets input afterwards,
// resets the connection and throws away what is still on its way to the client
// (RFC 1122, section 4.2.2.13): a download would be cut though the reply was 226.
// So each connection is shut for writing, and what comes is read and dropped
// until the client ends the connection too. Drains need no goroutine: one timer
// looks at all.
type drains struct {
	mu     sync.Mutex
	all    []*drain
	byPeer map[netip.Prefix]int // by network
	timer  *time.Timer
	closed bool
	empty  chan struct{} // closed when no connection is left; nil while nobody waits
}

type drain struct {
	conn  *net.TCPConn
	peer  netip.Prefix  // the network of its client
	ends  time.Time     // when conn is closed at the latest
	next  time.Time     // when conn is looked at again
	pause time.Duration // between the last two looks
}

const (
	// drainTime is how long a client may take to end its side.
	drainTime = 5 * time.Second
	// drainSoon and drainLate are the shortest and the longest pause between two
	// looks at a connection. Most clients end their side at once, so the pause
	// doubles while nothing comes.
	drainSoon = 5 * time.Millisecond
	drainLate = 256 * time.Millisecond
	// drainsPerPeer bounds what one network can occupy, and maxDrains what all can.
	drainsPerPeer = 256
	maxDrains     = 4096
)

// end ends a data connection in order and does not wait: the kernel goes on to send
// what was written.
func (d *drains) end(conn net.Conn) error {
	t := tcp.Below(conn)
	if t == nil || t.CloseWrite() != nil || dropInput(t) == inputEnded {
		return conn.Close()
	}
	now := time.Now()
	x := &drain{conn: t, peer: network(addrPort(conn.RemoteAddr()).Addr()), ends: now.Add(drainTime), next: now.Add(drainSoon), pause: drainSoon}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return conn.Close()
	}
	d.makeRoom(x.peer)
	if d.byPeer == nil {
		d.byPeer = make(map[netip.Prefix]int)
	}
	d.all = append(d.all, x)
	d.byPeer[x.peer]++
	switch {
	case d.timer == nil:
		d.timer = time.AfterFunc(drainSoon, d.dropDue)
	case len(d.all) == 1:
		d.timer.Reset(drainSoon)
	}
	return nil
}

// makeRoom closes the oldest connection of a network that has too many, or the
// oldest of all.
func (d *drains) makeRoom(peer netip.Prefix) {
	oldest := -1
	switch {
	case d.byPeer[peer] >= drainsPerPeer:
		oldest = slices.IndexFunc(d.all, func(x *drain) bool { return x.peer == peer })
	case len(d.all) >= maxDrains:
		oldest = 0
	}
	if oldest >= 0 {
		d.drop(d.all[oldest])
		d.all = slices.Delete(d.all, oldest, oldest+1)
	}
}

// drop closes a connection. The caller takes it off the list.
func (d *drains) drop(x *drain) {
	dropInput(x.conn)
	x.conn.Close()
	if d.byPeer[x.peer]--; d.byPeer[x.peer] == 0 {
		delete(d.byPeer, x.peer)
	}
}

// dropDue drops the input of the connections whose time has come.
func (d *drains) dropDue() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	wake := now.Add(drainLate)
	d.all = slices.DeleteFunc(d.all, func(x *drain) bool {
		if now.Before(x.next) {
			wake = earlier(wake, x.next)
			return false
		}
		if !x.dropSome(now) {
			d.drop(x)
			return true
		}
		wake = earlier(wake, x.next)
		return false
	})
	if len(d.all) > 0 {
		d.timer.Reset(time.Until(wake))
	}
	d.tell()
}

// dropSome drops the input of one connection, and reports whether more may come.
func (x *drain) dropSome(now time.Time) bool {
	switch found := dropInput(x.conn); {
	case found == inputEnded || now.After(x.ends):
		return false
	case found == inputCame:
		x.pause = drainSoon
	default:
		x.pause = min(2*x.pause, drainLate)
	}
	x.next = now.Add(x.pause)
	return true
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// tell closes the channel of wait if no connection is left. The caller holds mu.
func (d *drains) tell() {
	if len(d.all) == 0 && d.empty != nil {
		close(d.empty)
		d.empty = nil
	}
}

// wait returns a channel that is closed when all connections have ended.
func (d *drains) wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.empty == nil {
		d.empty = make(chan struct{})
	}
	done := d.empty
	d.tell()
	return done
}

// close closes all connections, including connections that are ended later.
func (d *drains) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.timer != nil {
		d.timer.Stop()
	}
	for _, x := range d.all {
		d.drop(x)
	}
	d.all = nil
	d.tell()
}

// found says what dropInput found on a connection.
type found int

const (
	inputNone  found = iota
	inputCame        // something, which is dropped
	inputEnded       // the end, or an error
)

// dropMost bounds what dropInput drops at once, so that a client which sends
// without end holds up nobody else.
const dropMost = 256 << 10
