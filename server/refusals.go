package server

import "time"

// Refusals is what a server remembers of refused and of good logins, by which it decides how
// long the next guess of a password has to wait. It is for other servers that serve the same
// users, and encoding/json writes and reads it. It has neither names nor addresses, but hashes of
// these.
type Refusals struct {
	Networks, Regions, Pairs []Refused
	Known                    []KnownPair
}

// Refused counts the refused logins of a network, or of a user on a network.
type Refused struct {
	Key   []byte
	Count int
	Last  time.Time // the last refusal
	Full  time.Time // of a network: when it may have as many refusals at once as at first
}

// KnownPair is a user who has logged in from a network.
type KnownPair struct {
	Key  []byte
	Last time.Time
}

// Refusals returns what has changed since a time. The zero time stands for everything. Any
// goroutine may call it at any time.
func (srv *Server) Refusals(since time.Time) Refusals {
	j := &srv.judge
	j.mu.Lock()
	defer j.mu.Unlock()
	r := Refusals{Networks: j.guard.networks.since(since), Regions: j.guard.regions.since(since), Pairs: j.guard.pairs.since(since)}
	for key, last := range j.guard.known {
		if !last.Before(since) {
			r.Known = append(r.Known, KnownPair{key[:], last})
		}
	}
	return r
}

// RefusedElsewhere has the server remember what another process does that serves the same users,
// so that delays of guesses hold over both. A call with what was told before changes nothing.
// Any goroutine may call it at any time.
func (srv *Server) RefusedElsewhere(r Refusals) {
	j := &srv.judge
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	g := &j.guard
	g.begin()
	g.networks.merge(r.Networks, now)
	g.regions.merge(r.Regions, now)
	g.pairs.merge(r.Pairs, now)
	for _, k := range r.Known {
		if key, ok := readKey(k.Key); ok && k.Last.After(g.known[key]) {
			g.remember(key, earlier(k.Last, now))
		}
	}
}

// since returns the records with a refusal since a time.
func (rs records) since(t time.Time) (all []Refused) {
	for key, r := range rs {
		if r.refusals > 0 && !r.last.Before(t) {
			all = append(all, Refused{key[:], r.refusals, r.last, r.full})
		}
	}
	return all
}

// merge has each record hold the higher count, and the later times, of this process and another.
func (rs records) merge(others []Refused, now time.Time) {
	for _, o := range others {
		key, ok := readKey(o.Key)
		if !ok || now.Sub(o.Last) > failureMemory {
			continue
		}
		r := rs.hold(key, now)
		r.refusals = max(r.refusals, o.Count)
		r.last = later(r.last, earlier(o.Last, now))
		r.full = later(r.full, earlier(o.Full, now.Add(atOnce*refusalRate)))
		rs.release(r)
	}
}

func readKey(b []byte) (key guessKey, ok bool) {
	if len(b) != len(key) {
		return key, false
	}
	return guessKey(b), true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
