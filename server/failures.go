package server

import (
	"net/netip"
	"time"
)

// records holds what is remembered of refused logins, by the network or the pair in
// question. Its length never exceeds maxRecords by more than the number of records that
// are held.
type records map[guessKey]*record

// record counts the refusals of a network or of a user on a network. It is
// forgotten after a quiet time.
type record struct {
	key      guessKey
	refusals int
	last     time.Time // the last refusal
	full     time.Time // of a network: when its bucket will be full again
	judging  int       // guesses being judged
	began    time.Time // of a pair: when its last turn began
	holders  int       // guesses that wait or are being judged
}

const (
	maxRecords    = 10_000
	failureMemory = 10 * time.Minute
)

// hold finds or makes a record, and keeps the record from being dropped until
// release.
func (rs records) hold(key guessKey, now time.Time) *record {
	r := rs[key]
	if r == nil {
		if len(rs) >= maxRecords {
			rs.forget(now)
		}
		r = &record{key: key}
		rs[key] = r
	}
	if r.old(now) {
		r.refusals = 0
	}
	r.holders++
	return r
}

// release undoes hold.
func (rs records) release(r *record) {
	if r.holders--; r.holders == 0 && r.refusals == 0 {
		delete(rs, r.key)
	}
}

// forget drops old records. As long as more than half of the table is taken it
// drops others as well: a table that an attacker filled is worth less than memory.
func (rs records) forget(now time.Time) {
	for key, r := range rs {
		if r.holders == 0 && r.old(now) {
			delete(rs, key)
		}
	}
	for key, r := range rs {
		if len(rs) <= maxRecords/2 {
			break
		}
		if r.holders == 0 {
			delete(rs, key)
		}
	}
}

func (r *record) old(now time.Time) bool { return now.Sub(r.last) > failureMemory }

// refuse counts a refusal.
func (r *record) refuse(now time.Time) {
	if r.old(now) {
		r.refusals = 0
	}
	r.refusals++
	r.last = now
}

// spend takes d out of the bucket of a network, or puts it back if d is negative.
func (r *record) spend(d time.Duration, now time.Time) {
	if r.full.Before(now) {
		r.full = now
	}
	r.full = r.full.Add(d)
}

// anyNetwork stands for the network of a client whose address is hidden.
var anyNetwork netip.Prefix

// network returns what one client can be assumed to own: an IPv4 address, or an
// IPv6 network of 64 bits (RFC 4291, section 2.5.1).
func network(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits) // invalid addresses share the zero prefix
	return p
}

// region returns the network in which one attacker may have addresses by the
// thousand: an IPv4 network of 16 bits, or an IPv6 network of 48, as sites get them
// (RFC 6177).
func region(network netip.Prefix) netip.Prefix {
	bits := 16
	if network.Addr().Is6() {
		bits = 48
	}
	p, _ := network.Addr().Prefix(bits)
	return p
}
