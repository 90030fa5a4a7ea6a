package server

import (
	"maps"
	"net/netip"
	"time"
)

// Occupancy is how much of the limits on sessions is taken, and what has moved under limits on
// rates. The zero value takes nothing.
type Occupancy struct {
	// Sessions counts towards MaxSessions.
	Sessions int
	// Networks counts towards MaxSessionsPerAddress: an IPv4 address or an IPv6 /64 each.
	Networks map[netip.Prefix]int
	// Accounts counts towards Policy.MaxSessions. The names are the server's own: they mean
	// something to servers of the same version only.
	Accounts map[string]int
	// Moved counts towards Policy.UploadRate and DownloadRate. The names are those of Accounts.
	Moved map[string]Moved
}

// Moved is how many bytes the transfers of an account have moved so far. The number may begin
// anew after a time without transfers.
type Moved struct{ Received, Sent int64 }

// Occupancy returns what the sessions of this server take, without what CountElsewhere was
// told. Any goroutine may call it at any time.
func (srv *Server) Occupancy() Occupancy {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	o := Occupancy{Sessions: len(srv.sessions), Networks: maps.Clone(srv.perNetwork), Accounts: map[string]int{}, Moved: map[string]Moved{}}
	for name, h := range srv.holdings {
		if h.sessions > 0 {
			o.Accounts[name] = h.sessions
		}
		if m := (Moved{h.up.total(), h.down.total()}); m != (Moved{}) {
			o.Moved[name] = m
		}
	}
	return o
}

// CountElsewhere has sessions of other processes that serve the same users count towards
// the limits from now on, in place of those of the call before. The server keeps o. No
// session ends because there are too many. What has moved there since the call before slows
// the transfers here down, so with a call per second, in each process, rates hold over all of
// them within a few seconds. Any goroutine may call it at any time.
func (srv *Server) CountElsewhere(o Occupancy) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	now, within := time.Now(), time.Duration(0)
	if !srv.counted.IsZero() {
		within = now.Sub(srv.counted)
	}
	for name, h := range srv.holdings {
		was, is := srv.elsewhere.Moved[name], o.Moved[name]
		h.up.bookElsewhere(grown(was.Received, is.Received), within)
		h.down.bookElsewhere(grown(was.Sent, is.Sent), within)
	}
	srv.elsewhere, srv.counted = o, now
}

// grown returns by how much a count has grown that may have begun anew.
func grown(was, is int64) int64 {
	if is < was {
		return is
	}
	return is - was
}

// Add adds what others take to o.
func (o *Occupancy) Add(others Occupancy) {
	o.Sessions += others.Sessions
	for network, n := range others.Networks {
		if o.Networks == nil {
			o.Networks = map[netip.Prefix]int{}
		}
		o.Networks[network] += n
	}
	for name, n := range others.Accounts {
		if o.Accounts == nil {
			o.Accounts = map[string]int{}
		}
		o.Accounts[name] += n
	}
	for name, m := range others.Moved {
		if o.Moved == nil {
			o.Moved = map[string]Moved{}
		}
		sum := o.Moved[name]
		o.Moved[name] = Moved{sum.Received + m.Received, sum.Sent + m.Sent}
	}
}
