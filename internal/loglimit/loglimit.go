// Package loglimit keeps what anybody can cause from filling a log.
package loglimit

import "time"

const (
	// Burst is how many events a Share lets through in each Period.
	Burst = 10
	// Period is how long a Burst has to suffice. A new one begins with the
	// first event after the end of the last.
	Period = time.Minute
)

// A Share lets a few events through and counts the others, so that the next
// line can say how many were dropped. The zero value is ready. It is guarded by
// its owner's lock.
type Share struct {
	since   time.Time
	events  int
	dropped uint64
}

// Allow reports whether an event may be written now, and if so, how many were
// dropped since the last one that was.
func (s *Share) Allow() (ok bool, dropped uint64) {
	if now := time.Now(); now.Sub(s.since) >= Period {
		s.since, s.events = now, 0
	}
	if s.events == Burst {
		s.dropped++
		return false, 0
	}
	s.events++
	dropped, s.dropped = s.dropped, 0
	return true, dropped
}
