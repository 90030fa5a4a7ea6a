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
// Networks take turns, and within one network whoever came first goes first. One
// network never has all places, so that the others wait for no more than what is
// being computed. A place is held while the server computes and not while it waits
// for the client. The zero value is ready.
type handshakes struct {
	mu        sync.Mutex
	lines     map[netip.Prefix]*handshakeLine
	waiting   []*handshakeLine // lines in which handshakes wait; the next turn is the first's
	computing int
}

// handshakeLine holds the handshakes of one network.
type handshakeLine struct {
	from      netip.Prefix
	waiting   []*handshakePlace // in the order they came
	computing int
}

// handshakePlace is the right of one handshake to compute.
type handshakePlace struct {
	line  *handshakeLine
	ready chan struct{} // closed when the place is held
	over  bool          // was given back
}

// handshakeSlow is how long a place is held at most. No signature takes so long,
// but an embedder's function that asks another host for one does.
const handshakeSlow = time.Second

// handshakePlaces returns how many handshakes compute at once, of all networks and
// of one. Nobody knows the networks of clients whose addresses are hidden.
func handshakePlaces(from netip.Prefix) (all, each int) {
	all = max(runtime.GOMAXPROCS(0), 2)
	if from == anyNetwork {
		return all, all
	}
	return all, all - 1
}

// enter lines up for a place. Call leave at the end.
func (h *handshakes) enter(from netip.Prefix) *handshakePlace {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := h.lines[from]
	if line == nil {
		if h.lines == nil {
			h.lines = make(map[netip.Prefix]*handshakeLine)
		}
		line = &handshakeLine{from: from}
		h.lines[from] = line
	}
	p := &handshakePlace{line: line, ready: make(chan struct{})}
	if len(line.waiting) == 0 {
		h.waiting = append(h.waiting, line)
	}
	line.waiting = append(line.waiting, p)
	h.admit()
	return p
}

// admit gives the free places away. The caller holds mu.
func (h *handshakes) admit() {
	for {
		i := slices.IndexFunc(h.waiting, func(line *handshakeLine) bool {
			all, each := handshakePlaces(line.from)
			return h.computing < all && line.computing < each
		})
		if i < 0 {
			return
		}
		line := h.waiting[i]
		p := line.waiting[0]
		line.waiting = slices.Delete(line.waiting, 0, 1)
		h.waiting = slices.Delete(h.waiting, i, i+1)
		if len(line.waiting) > 0 {
			h.waiting = append(h.waiting, line)
		}
		h.computing++
		line.computing++
		close(p.ready)
	}
}

// leave gives a place back, held or waited for. Doing so again does nothing.
func (h *handshakes) leave(p *handshakePlace) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.over {
		return
	}
	p.over = true
	line := p.line
	if i := slices.Index(line.waiting, p); i >= 0 {
		line.waiting = slices.Delete(line.waiting, i, i+1)
		if len(line.waiting) == 0 {
			h.waiting = slices.DeleteFunc(h.waiting, func(other *handshakeLine) bool { return other == line })
		}
	} else {
		h.computing--
		line.computing--
	}
	if line.computing == 0 && len(line.waiting) == 0 {
		delete(h.lines, line.from)
	}
	h.admit()
}

// handshakeTurns are the turns of one handshake: the first when the whole
// ClientHello has come, and another one after each wait for the client. nil is a
// handshake that takes no turns. The methods are for the goroutine that does the
// handshake.
type handshakeTurns struct {
	all   *handshakes
	ctx   context.Context // of the session
	from  netip.Prefix
	until time.Time
	begun bool            // the ClientHello has come
	place *handshakePlace // nil while none is held
	slow  *time.Timer
}

// errHandshakeCrowded is why a handshake was not gone on with; ErrHandshake is put before it.
var errHandshakeCrowded = errors.New("other handshakes came first until HandshakeTimeout was over")

// errHandshakeGone is why a handshake was not begun, likewise.
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
	t.place, t.slow = p, time.AfterFunc(handshakeSlow, func() { t.all.leave(p) })
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
	t.slow.Stop()
	t.all.leave(t.place)
	t.place = nil
}
