package passive

import (
	"container/list"
	"net/netip"
	"time"
)

// A client that was told of a port may still be connecting to it for about as long as a SYN is retried. The memory of
// leases that ended without a connection is bounded: when it is full, the oldest port is forgotten and merely not
// avoided.
const (
	recentFor   = time.Minute
	recentLimit = 1024
)

// peerSlot is a port as seen by one client.
type peerSlot struct {
	at  slot
	key netip.Addr
}

// sessionSlot is a port as seen by one session.
type sessionSlot struct {
	at      slot
	session identity
}

// recents remembers which ports a client or a session was told of and did not connect to. Ready when zero; guarded by
// Ports.mu.
type recents[K comparable] struct {
	of    map[K]*list.Element
	order list.List // of recent[K], the one that was added last at the back
}

type recent[K comparable] struct {
	of    K
	ended time.Time
}

func (r *recents[K]) add(s K, now time.Time) {
	if r.of == nil {
		r.of = make(map[K]*list.Element)
	}
	if e := r.of[s]; e != nil {
		e.Value = recent[K]{s, now}
		r.order.MoveToBack(e)
		return
	}
	r.of[s] = r.order.PushBack(recent[K]{s, now})
	if r.order.Len() > recentLimit {
		delete(r.of, r.order.Remove(r.order.Front()).(recent[K]).of)
	}
}

// since returns when a client or a session was last told of a port in vain, or the zero time.
func (r *recents[K]) since(s K) time.Time {
	if e := r.of[s]; e != nil {
		return e.Value.(recent[K]).ended
	}
	return time.Time{}
}

func (r *recents[K]) has(s K, now time.Time) bool { return now.Sub(r.since(s)) < recentFor }

// mixers holds the owners who have used the proof of one session for another. Ready when zero; guarded by Ports.mu. All
// are forgotten when there are too many; an owner who goes on is noticed again.
type mixers map[owner]struct{}

const mixerLimit = 4096

func (m *mixers) add(one owner) {
	if *m == nil || len(*m) >= mixerLimit {
		*m = make(mixers)
	}
	(*m)[one] = struct{}{}
}

func (m mixers) has(one owner) bool {
	_, ok := m[one]
	return ok
}
