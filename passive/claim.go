package passive

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
)

// claim gives a connection to the lease it belongs to, or closes it. This is the only place where the two meet.
func (p *Ports) claim(d *door, c net.Conn) {
	from, err := nopanic.Call("RemoteAddr", func() (netip.Addr, error) { return addrOf(c.RemoteAddr()), nil })
	if err != nil {
		reset(c)
		p.deaf(d, err)
		return
	}
	p.mu.Lock()
	defer p.unlock()
	if l := p.match(d, from); l != nil {
		p.connect(l, c)
		return
	}
	if cand := p.hold(d, c, from); cand != nil {
		provers := d.provers.list
		p.running.Go(func() { p.hear(cand, provers) })
		return
	}
	p.refused = append(p.refused, c)
	p.later = append(p.later, p.stranger(d, from))
}

// connect gives a lease its connection and frees its place. The caller holds mu.
func (p *Ports) connect(l *Lease, c net.Conn) {
	if p.arrived == nil {
		p.arrived = make(map[*Lease]struct{})
	}
	p.arrived[l] = struct{}{}
	p.stats.Accepted++
	if q := p.queues[peer{l.key, l.door.at.local}]; q != nil {
		q.moved = time.Now()
	}
	l.state, l.conn = connected, c
	p.recall(l)
	if l.req.waived.prover != nil && l.wantedAt == 0 {
		p.secureFirst(l, c)
	}
	p.leave(l)
}

// match finds the lease that whatever comes from an address belongs to, or nil. A lease that is still being opened was
// announced to nobody, and can have no connection yet. The caller holds mu.
func (p *Ports) match(d *door, from netip.Addr) *Lease {
	if g := d.groups[p.key(from)]; g.exclusive() && g.open.state == waiting {
		return g.open
	}
	return nil
}

// stranger counts a connection nobody waits for and returns a function that logs it. The caller holds mu, and calls
// report once mu is released.
func (p *Ports) stranger(d *door, from netip.Addr) (report func()) {
	if p.closed {
		return func() {}
	}
	p.stats.Strangers++
	var lone *Lease
	if d.leases == 1 {
		lone = d.lone()
	}
	// A line per stranger would let anybody fill the disk. A line that names the client beside the stranger is what an
	// operator needs, and has a share of its own that scanners can't use up.
	limit := &p.logs[1]
	if lone != nil {
		limit = &p.logs[0]
	}
	ok, dropped := limit.Allow()
	if !ok {
		return func() {}
	}
	args := []any{"port", d.port, "from", from.String()}
	if lone != nil {
		args = append(args, "expected", lone.req.Client.String(), "session", lone.req.Session, "cure", cure)
	}
	if dropped > 0 {
		args = append(args, "unreported", dropped)
	}
	logger := d.loggerFor(lone)
	return func() {
		p.log(context.Background(), logger, slog.LevelWarn, "data connection refused: no lease for its address", args...)
	}
}

// deaf logs that a listener is open but does not accept.
func (p *Ports) deaf(d *door, err error) {
	p.mu.Lock()
	ok, dropped := p.logs[2].Allow()
	ok = ok && !d.dead
	logger := d.logger
	p.unlock()
	if ok {
		p.log(context.Background(), logger, slog.LevelError, "data connections cannot be accepted", "port", d.port, "error", err, "unreported", dropped)
	}
}

// reset closes a stranger's connection without leaving it in TIME_WAIT: a storm of strangers would leave many there.
func reset(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = nopanic.Do("SetLinger", func() error { return t.SetLinger(0) })
	}
	quietly(c)
}

// addrOf returns the IP address of a, plain, or the zero Addr.
func addrOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case nil:
		return netip.Addr{}
	case *net.TCPAddr:
		return plain(a.AddrPort().Addr())
	}
	at, _ := netip.ParseAddrPort(a.String())
	return plain(at.Addr())
}

// Limits of the pause after a failed accept. The usual cause, a lack of descriptors, passes.
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// serve accepts until the door is closed. It never gives up on an error, since leases depend on it, and never spins.
func (d *door) serve() {
	pause := acceptPauseMin
	for {
		c, err := nopanic.Call("Accept", d.ln.Accept)
		if err == nil {
			pause = acceptPauseMin
			d.ports.claim(d, c)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			d.ports.lost(d)
			return
		}
		d.ports.deaf(d, err)
		timer := time.NewTimer(pause)
		select {
		case <-d.quit:
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, acceptPauseMax)
	}
}

// lost buries a door whose listener somebody else has closed; for a door that was shut it does nothing. The leases of
// the door expire.
func (p *Ports) lost(d *door) {
	p.mu.Lock()
	ln := p.shut(d)
	p.unlock()
	if ln != nil {
		d.free(ln)
	}
}
