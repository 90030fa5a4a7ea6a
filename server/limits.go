package server

import (
	"net/netip"
	"sync"
	"time"
)

// failures remembers refused logins by client address, so that guessing
// passwords gets slower and reconnecting does not help (RFC 2577, section 5).
// It forgets an address after a quiet time and never holds more than
// maxFailures of them. The zero value is ready; it may be used concurrently.
type failures struct {
	mu sync.Mutex
	by map[netip.Prefix]failure
}

type failure struct {
	n    int
	last time.Time
}

const (
	maxFailures   = 10_000
	failureMemory = 10 * time.Minute
	firstDelay    = 500 * time.Millisecond
	longestDelay  = 8 * time.Second
)

// add counts one refused login and says how long to wait before answering it.
// A success does not reset the count: whoever has one good account could then
// guess at others for free.
func (f *failures) add(addr netip.Addr, now time.Time) time.Duration {
	key := network(addr)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = make(map[netip.Prefix]failure)
	}
	if len(f.by) >= maxFailures {
		f.forget(now)
	}
	e := f.by[key]
	if now.Sub(e.last) > failureMemory {
		e.n = 0
	}
	e.n, e.last = e.n+1, now
	f.by[key] = e
	return delay(e.n)
}

// forget drops what is old and, when nothing is, one entry in two: a table
// that an attacker filled is worth less than memory.
func (f *failures) forget(now time.Time) {
	for k, e := range f.by {
		if now.Sub(e.last) > failureMemory {
			delete(f.by, k)
		}
	}
	for k := range f.by {
		if len(f.by) <= maxFailures/2 {
			break
		}
		delete(f.by, k)
	}
}

// delay doubles with each failure up to longestDelay.
func delay(n int) time.Duration {
	d := firstDelay
	for ; n > 1 && d < longestDelay; n-- {
		d *= 2
	}
	return min(d, longestDelay)
}

// network is what one client can be assumed to own: an IPv4 address, or an
// IPv6 network of 64 bits (RFC 4291, section 2.5.1).
func network(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits) // invalid addresses share the zero prefix
	return p
}
