package passive

import (
	"net/netip"
	"time"
)

// A connection announced to a client may be under way for about as long as a SYN is retried. The memory for leases
// that ended without one is bounded; what falls out of it is merely not avoided.
const (
	recentFor   = time.Minute
	recentLimit = 1024
)

// peerSlot is a port as seen by one client.
type peerSlot struct {
	at  slot
	key netip.Addr
}

// recents remembers which ports a client was told of and did not connect to. Ready when zero; guarded by Ports.mu.
type recents struct {
	ended map[peerSlot]time.Time
	ring  []peerSlot
	next  int
}

func (r *recents) add(s peerSlot, now time.Time) {
	if r.ended == nil {
		r.ended = make(map[peerSlot]time.Time)
	}
	_, known := r.ended[s]
	r.ended[s] = now
	switch {
	case known:
	case len(r.ring) < recentLimit:
		r.ring = append(r.ring, s)
	default:
		delete(r.ended, r.ring[r.next])
		r.ring[r.next] = s
		r.next = (r.next + 1) % recentLimit
	}
}

func (r *recents) has(s peerSlot, now time.Time) bool {
	ended, ok := r.ended[s]
	return ok && now.Sub(ended) < recentFor
}
