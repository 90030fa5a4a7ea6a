package server

import (
	"net/netip"
	"time"
)

// origins looks for an address that nearly all sessions come from, which mostly
// means that something in front hides the addresses of clients. Its memory is
// bounded, and given back once it has found one. The zero value is ready; Server.mu
// guards it.
type origins struct {
	recent []origin // a queue in the order of time
	counts map[netip.Prefix]int
	said   bool
}

type origin struct {
	at   time.Time
	from netip.Prefix
}

const (
	// suspectPercent of the sessions that began within suspectFor, and of no fewer
	// than suspectSessions, make the address they come from a suspect.
	suspectFor      = 10 * time.Minute
	suspectSessions = 20
	suspectPercent  = 80
	// maxOrigins bounds how many sessions are looked at: the latest ones.
	maxOrigins = 1000
)

// note counts a session, and returns true the first time that nearly all sessions
// come from the address of this one.
func (o *origins) note(from netip.Prefix, now time.Time) (suspect bool) {
	if o.said || !from.IsValid() {
		return false
	}
	if o.counts == nil {
		o.counts = make(map[netip.Prefix]int)
	}
	for len(o.recent) > 0 && (len(o.recent) >= maxOrigins || now.Sub(o.recent[0].at) > suspectFor) {
		o.drop()
	}
	o.recent = append(o.recent, origin{now, from})
	o.counts[from]++
	if len(o.recent) < suspectSessions || 100*o.counts[from] < suspectPercent*len(o.recent) {
		return false
	}
	*o = origins{said: true}
	return true
}

// drop forgets the oldest session.
func (o *origins) drop() {
	oldest := o.recent[0].from
	o.recent = o.recent[1:]
	if o.counts[oldest]--; o.counts[oldest] == 0 {
		delete(o.counts, oldest)
	}
}

// warnShared tells the operator that clients seem to share an address.
func (srv *Server) warnShared(from netip.Prefix) {
	srv.log.Warn("nearly all sessions come from one address; if these are clients of several places, something in front hides their addresses",
		"address", from.Addr(), "within", suspectFor,
		"cure", "let the clients' addresses through (host network instead of Docker's userland proxy, or the PROXY protocol), or set SharedAddress (--shared-address)")
}
