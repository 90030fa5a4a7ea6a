package ftptls

import (
	"errors"
	"hash/maphash"
)

// maxReplays bounds the ClientHellos that are remembered. One that was forgotten can
// be repeated, which gets nothing and takes the time of a handshake that fails.
const maxReplays = 8192

var errReplayed = errors.New("tls: this very ClientHello came before")

// replays remembers the ClientHellos of data connections that have proved whose they
// are, by their random, so that what somebody overheard and repeats is no claim to a
// session (RFC 8446, section 8.2). Only proof shows that a ClientHello was the client's
// own: a copy may be faster than the original. Ready when zero but for seed; guarded by
// Layer.mu.
type replays struct {
	seed maphash.Seed
	set  map[uint64]struct{}
	ring []uint64
	next int
}

// add remembers a ClientHello.
func (r *replays) add(random [randomSize]byte) {
	if r.set == nil {
		r.set = make(map[uint64]struct{})
	}
	key := maphash.Bytes(r.seed, random[:])
	if _, known := r.set[key]; known {
		return
	}
	r.set[key] = struct{}{}
	if len(r.ring) < maxReplays {
		r.ring = append(r.ring, key)
		return
	}
	delete(r.set, r.ring[r.next])
	r.ring[r.next] = key
	r.next = (r.next + 1) % maxReplays
}

func (r *replays) has(random [randomSize]byte) bool {
	_, ok := r.set[maphash.Bytes(r.seed, random[:])]
	return ok
}

// replayed reports whether a ClientHello came before on a data connection that has
// proved whose it is.
func (l *Layer) replayed(random [randomSize]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replays.has(random)
}

// remember keeps the ClientHello of a data connection that has proved whose it is.
func (l *Layer) remember(random [randomSize]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replays.add(random)
}
