package server

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

// handshakes lets the TLS handshakes of control connections compute in turns. A
// handshake costs the server a signature and costs a client nothing that replays a
// ClientHello: without turns one address computes away everybody's processors.
//
// Sites take turns, within a site its networks do, and within a network whoever came
// first goes first. One site never has all places, so that other sites wait for no more
// than what is being computed. A place is held while the server computes and not while
// it waits for the client. The zero value is ready.
type handshakes struct {
	mu      sync.Mutex
	sites   map[netip.Prefix]*handshakeSite
	lines   map[netip.Prefix]*handshakeLine
	waiting []*handshakeLine  // the lines; first the network whose turn was longest ago
	held    []*handshakePlace // handshakes that compute, in the order they began
	watch   *time.Timer       // runs takeBack at the latest when a place is due; may run for nothing
	turns   uint64            // given out so far
}

// handshakeSite counts the places of all networks that may have one owner, see site.
type handshakeSite struct {
	at        netip.Prefix
	places    int    // held or waited for
	computing int    // held
	turn      uint64 // when the last one was given out, in turns
}

// handshakeLine holds the handshakes of one network that wait, in the order they came.
type handshakeLine struct {
	from    netip.Prefix
	site    *handshakeSite
	waiting []*handshakePlace
}

// handshakePlace is the right of one handshake to compute.
type handshakePlace struct {
	line  *handshakeLine // in which the handshake waits or waited
	ready chan struct{}  // closed when the place is held
	due   time.Time      // when the place is taken back
	over  bool           // was given back
}

// handshakeSlow is how long a handshake holds a place at most. No signature takes so long,
// but a function of the embedder's may, which asks another host for one.
const handshakeSlow = time.Second

// handshakePlaces returns how many handshakes compute at once, of all sites and of one.
// Where the addresses of clients are hidden (anyNetwork) nobody knows the sites, and the
// one has all places.
func handshakePlaces(from netip.Prefix) (all, each int) {
	all = max(runtime.GOMAXPROCS(0), 2)
	if from == anyNetwork {
		return all, all
	}
	return all, all - 1
}

// site returns the site of a network: an IPv4 address is a site of its own; under IPv6 a
// region is one site, because one owner may have all its networks.
func site(network netip.Prefix) netip.Prefix {
	if network.Addr().Is6() {
		return region(network)
	}
	return network
}

// enter lines up for a place. Call leave at the end.
func (h *handshakes) enter(from netip.Prefix) *handshakePlace {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := h.line(from)
	p := &handshakePlace{line: line, ready: make(chan struct{})}
	line.waiting = append(line.waiting, p)
	line.site.places++
	h.admit()
	return p
}

// line finds or makes the line of a network. The caller holds mu.
func (h *handshakes) line(from netip.Prefix) *handshakeLine {
	if line := h.lines[from]; line != nil {
		return line
	}
	if h.lines == nil {
		h.lines, h.sites = make(map[netip.Prefix]*handshakeLine), make(map[netip.Prefix]*handshakeSite)
	}
	at := site(from)
	if h.sites[at] == nil {
		h.sites[at] = &handshakeSite{at: at}
	}
	line := &handshakeLine{from: from, site: h.sites[at]}
	h.queue(line)
	return line
}

// admit gives the free places away. The caller holds mu.
func (h *handshakes) admit() {
	for {
		line := h.next()
		if line == nil {
			return
		}
		p := line.waiting[0]
		line.waiting = slices.Delete(line.waiting, 0, 1)
		h.dequeue(line)
		if len(line.waiting) > 0 {
			h.queue(line)
		}
		h.turns++
		line.site.computing++
		line.site.turn = h.turns
		h.hold(p)
		close(p.ready)
	}
}

// next returns the line whose turn it is, nil when no place is free for any line. The
// caller holds mu.
func (h *handshakes) next() (next *handshakeLine) {
	if all, _ := handshakePlaces(anyNetwork); len(h.held) >= all {
		return nil
	}
	for _, line := range h.waiting {
		if next != nil && line.site.turn >= next.site.turn {
			continue
		}
		if _, each := handshakePlaces(line.from); line.site.computing < each {
			next = line
		}
	}
	return next
}

// hold notes that a place is held, and starts the timer for all places if it does not
// run. A timer for each place would with each handshake wake the thread that waits for
// the network; this one fires at most once in handshakeSlow. The caller holds mu.
func (h *handshakes) hold(p *handshakePlace) {
	p.due = time.Now().Add(handshakeSlow)
	if h.held = append(h.held, p); h.watch == nil {
		h.watch = time.AfterFunc(handshakeSlow, h.takeBack)
	}
}

// takeBack gives back the places that are due.
func (h *handshakes) takeBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watch = nil
	now := time.Now()
	for len(h.held) > 0 && !h.held[0].due.After(now) {
		h.release(h.held[0])
	}
	if len(h.held) > 0 && h.watch == nil {
		h.watch = time.AfterFunc(h.held[0].due.Sub(now), h.takeBack)
	}
}

// queue puts a line behind the others. The caller holds mu.
func (h *handshakes) queue(line *handshakeLine) {
	h.lines[line.from] = line
	h.waiting = append(h.waiting, line)
}

// dequeue takes a line out of those that wait. The caller holds mu.
func (h *handshakes) dequeue(line *handshakeLine) {
	delete(h.lines, line.from)
	i := slices.Index(h.waiting, line)
	h.waiting = slices.Delete(h.waiting, i, i+1)
}

// leave gives a place back, held or waited for. Doing so again does nothing.
func (h *handshakes) leave(p *handshakePlace) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.release(p)
}

// release does what leave does, for a caller that holds mu.
func (h *handshakes) release(p *handshakePlace) {
	if p.over {
		return
	}
	p.over = true
	line := p.line
	if i := slices.Index(line.waiting, p); i >= 0 {
		if line.waiting = slices.Delete(line.waiting, i, i+1); len(line.waiting) == 0 {
			h.dequeue(line)
		}
	} else {
		h.held = slices.DeleteFunc(h.held, func(q *handshakePlace) bool { return q == p })
		line.site.computing--
	}
	if line.site.places--; line.site.places == 0 {
		delete(h.sites, line.site.at)
	}
	h.admit()
}

// handshakeTurns are the turns of one handshake. The handshake takes the first turn when
// the whole ClientHello has come, and another one after each wait for the client. nil is
// a handshake that takes no turns. Only the goroutine that does the handshake calls the
// methods.
type handshakeTurns struct {
	all   *handshakes
	ctx   context.Context // of the session
	from  netip.Prefix
	until time.Time
	begun bool            // the ClientHello has come
	place *handshakePlace // nil while none is held
}

// errHandshakeCrowded is the cause, behind ErrHandshake, of a handshake that was broken
// off because its turn did not come in time.
var errHandshakeCrowded = errors.New("other handshakes came first until HandshakeTimeout was over")

// errHandshakeGone is the cause, behind ErrHandshake, of a handshake that was not begun
// because its client has hung up.
var errHandshakeGone = errors.New("the client hung up before its handshake's turn")

// begin waits for the first turn.
func (t *handshakeTurns) begin() error {
	t.begun = true
	return t.take()
}

// take waits for a turn if the handshake has begun.
func (t *handshakeTurns) take() error {
	if t == nil || !t.begun {
		return nil
	}
	t.give()
	p := t.all.enter(t.from)
	if err := t.wait(p); err != nil {
		t.all.leave(p)
		return err
	}
	t.place = p
	return nil
}

func (t *handshakeTurns) wait(p *handshakePlace) error {
	select {
	case <-p.ready:
		return nil
	default:
	}
	timer := time.NewTimer(time.Until(t.until))
	defer timer.Stop()
	select {
	case <-p.ready:
		return nil
	case <-timer.C:
		return errHandshakeCrowded
	case <-t.ctx.Done():
		return context.Cause(t.ctx)
	}
}

// give ends the turn.
func (t *handshakeTurns) give() {
	if t == nil || t.place == nil {
		return
	}
	t.all.leave(t.place)
	t.place = nil
}
