package passive

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
	"github.com/sallyport/sallyport/internal/tcp"
)

// slot is a place for a listener: a port of the set on one local address. When the system chooses the ports, n only
// tells the slots of an address apart.
type slot struct {
	local netip.Addr
	n     uint16
}

// door is an open listener, or one being opened. Everything but ln, port and announced, which are constant once ready
// is closed, is guarded by Ports.mu.
type door struct {
	ports     *Ports
	at        slot
	ready     chan struct{} // closed when opening has succeeded or failed
	quit      chan struct{} // closed when dead
	gone      chan struct{} // closed when the port is free again, for a door that was open
	ln        net.Listener
	port      uint16
	announced uint16

	cancel      context.CancelFunc // ends the opening; nil until the opening has begun
	dead        bool               // closed, or could not be opened: out of Ports.doors
	err         error
	interrupted bool                  // err is the end of the opener's context, which concerns no other lease
	groups      map[netip.Addr]*group // by the address that connections are matched on
	crowds      crowds                // bounds what one network has here
	proofs      map[identity]*Lease   // the leases that can prove themselves, by session
	provers     provers               // the Provers of the leases in proofs
	logger      *slog.Logger          // the last lease's; nil is silence
	leases      int                   // unconnected
	roaming     int                   // candidates from addresses without a lease
	idle        *time.Timer
}

// newDoor makes a door for somebody to open. The caller holds mu.
func (p *Ports) newDoor(at slot) *door {
	if p.doors == nil {
		p.doors = make(map[slot]*door)
	}
	d := &door{ports: p, at: at, ready: make(chan struct{}), quit: make(chan struct{}), groups: make(map[netip.Addr]*group), proofs: make(map[identity]*Lease)}
	d.gone = make(chan struct{})
	p.doors[at] = d
	return d
}

// open opens a door unless another goroutine does. It calls Listen without holding mu, because Listen may be the
// embedder's and slow.
func (p *Ports) open(ctx context.Context, d *door) {
	p.mu.Lock()
	if d.cancel != nil || d.dead {
		p.unlock()
		return
	}
	listening, cancel := context.WithCancel(ctx)
	d.cancel = cancel
	before := p.closing[d.at]
	p.running.Add(1)
	p.unlock()
	defer p.running.Done()
	defer cancel()
	if before != nil {
		// The door that was here before is out of the table, but its port is in use until its listener is closed.
		select {
		case <-before.gone:
		case <-listening.Done():
		}
	}

	number := d.at.n
	if p.systemChooses() {
		number = 0
	}
	ln, err := p.listen(listening, d.at.local, number)
	if err == nil {
		d.port, d.announced, err = p.name(ln, number)
	}
	first, logger, err := p.opened(d, ln, err, ctx.Err() != nil)
	if err != nil && ln != nil {
		quietly(ln)
	}
	if first {
		p.log(ctx, logger, slog.LevelWarn, "a passive port cannot be opened and is skipped for now", "port", number, "address", d.at.local.String(), "error", err)
	}
}

// opened puts a door into service, or buries the door and reports whether the failure is the first of its port.
func (p *Ports) opened(d *door, ln net.Listener, err error, interrupted bool) (first bool, _ *slog.Logger, _ error) {
	p.mu.Lock()
	defer p.unlock()
	defer close(d.ready)
	if d.dead {
		err = ErrClosed
	}
	if err != nil {
		d.err, d.interrupted = err, interrupted
		p.bury(d)
		if !interrupted && !p.systemChooses() && portsOwn(err) {
			first = p.shun(d.at, err)
		}
		return first, d.logger, err
	}
	d.ln = ln
	delete(p.bad, d.at)
	p.stats.Listeners++
	p.running.Go(d.serve)
	return false, nil, nil
}

// name finds out the number that was opened and the one to announce.
func (p *Ports) name(ln net.Listener, number uint16) (port, announced uint16, err error) {
	if number == 0 {
		at, err := nopanic.Call("Addr", func() (netip.AddrPort, error) { return netip.ParseAddrPort(ln.Addr().String()) })
		if err != nil {
			return 0, 0, err
		}
		number = at.Port()
	}
	told := int(number) + p.Offset
	if told < 1 || told > 65535 {
		return number, 0, fmt.Errorf("with Offset %d it would be announced as %d, which is no port", p.Offset, told)
	}
	return number, uint16(told), nil
}

// listen opens number on local, where the zero Addr is every address of both families.
func (p *Ports) listen(ctx context.Context, local netip.Addr, number uint16) (net.Listener, error) {
	network, address := "tcp", ":"+strconv.Itoa(int(number))
	if local.IsValid() {
		network, address = "tcp6", netip.AddrPortFrom(local, number).String()
		if local.Is4() {
			network = "tcp4"
		}
	}
	if p.Listen != nil {
		return nopanic.Call("Listen", func() (net.Listener, error) { return p.Listen(ctx, network, address) })
	}
	return tcp.Listen(ctx, network, address)
}

// quietly closes something that may be the embedder's: a panic of its Close becomes an error.
func quietly(c io.Closer) error {
	return nopanic.Do("Close", c.Close)
}

// deadline sets the read deadline of a connection, which may be the embedder's. A connection that panics is closed,
// since nothing else would end the reading. The caller holds mu.
func (p *Ports) deadline(c net.Conn, t time.Time) {
	err := nopanic.Do("SetReadDeadline", func() error {
		_ = c.SetReadDeadline(t) // fails on a connection that has ended, which whoever reads notices
		return nil
	})
	if err != nil {
		p.refused = append(p.refused, c)
	}
}

// startIdle starts the time after which a door without leases is closed. The caller holds mu.
func (p *Ports) startIdle(d *door) {
	after := max(p.idle(), 0)
	if p.elsewhere != nil {
		after = 0 // the process that has the table needs the port
	}
	if d.idle == nil {
		d.idle = time.AfterFunc(after, d.close)
		return
	}
	d.idle.Reset(after)
}

// close shuts the door when the idle timer says so, unless a lease has come in the meantime.
func (d *door) close() {
	var ln net.Listener
	d.ports.mu.Lock()
	if d.leases == 0 {
		ln = d.ports.shut(d)
	}
	d.ports.unlock()
	if ln != nil {
		d.free(ln)
	}
}

// free closes the listener of a door that was shut.
func (d *door) free(ln net.Listener) error {
	err := quietly(ln)
	d.ports.mu.Lock()
	if d.ports.closing[d.at] == d {
		delete(d.ports.closing, d.at)
	}
	d.ports.mu.Unlock()
	close(d.gone)
	return err
}

// bury takes a door out of the table, for good. The caller holds mu.
func (p *Ports) bury(d *door) {
	if d.dead {
		return
	}
	d.dead = true
	close(d.quit)
	delete(p.doors, d.at)
	if d.idle != nil {
		d.idle.Stop()
	}
	if d.cancel != nil {
		d.cancel()
	}
}

// shut takes a door out of use and returns its listener, nil for none. The caller holds mu, and calls free once mu is
// released.
func (p *Ports) shut(d *door) net.Listener {
	if d.dead {
		return nil
	}
	p.bury(d)
	if d.ln != nil {
		p.stats.Listeners--
		if p.closing == nil {
			p.closing = make(map[slot]*door)
		}
		p.closing[d.at] = d
	}
	p.disperse(d)
	return d.ln
}

// A port that could not be opened is left alone this long, as far as there are others. The memory of such ports is
// bounded; a port that was forgotten is merely tried again.
const (
	badFor   = 30 * time.Second
	badLimit = 1 << 16
)

// failure is why a port was not to be had.
type failure struct {
	until time.Time
	err   error
}

// shun remembers that a port could not be opened, and reports whether this is its first failure since it was last open.
// The caller holds mu.
func (p *Ports) shun(at slot, err error) (first bool) {
	if p.bad == nil || len(p.bad) >= badLimit {
		p.bad = make(map[slot]failure)
	}
	// A failure stays known after its time until the port opens, so that each failure is logged once.
	_, known := p.bad[at]
	p.bad[at] = failure{time.Now().Add(badFor), err}
	p.stats.Unopenable++
	return !known
}

func (p *Ports) shunned(at slot, now time.Time) bool {
	f, ok := p.bad[at]
	return ok && now.Before(f.until)
}

// forgive lets the port be tried again that has been left alone for the longest time, and reports whether there is one.
// The caller holds mu.
func (p *Ports) forgive(local netip.Addr) bool {
	var oldest slot
	var left failure
	for n := range p.set.all() {
		at := slot{local, n}
		if f, ok := p.bad[at]; ok && (left.err == nil || f.until.Before(left.until)) {
			oldest, left = at, f
		}
	}
	if left.err == nil {
		return false
	}
	p.bad[oldest] = failure{err: left.err}
	return true
}
