package server

import (
	"maps"
	"net/netip"
)

// Occupancy is how much of the limits on sessions is taken. The zero value takes nothing.
type Occupancy struct {
	// Sessions counts towards MaxSessions.
	Sessions int
	// Networks counts towards MaxSessionsPerAddress: an IPv4 address or an IPv6 /64 each.
	Networks map[netip.Prefix]int
	// Accounts counts towards Policy.MaxSessions. The names are the server's own: they mean
	// something to servers of the same version only.
	Accounts map[string]int
}

// Occupancy returns what the sessions of this server take, without what CountElsewhere was
// told. Any goroutine may call it at any time.
func (srv *Server) Occupancy() Occupancy {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	o := Occupancy{Sessions: len(srv.sessions), Networks: maps.Clone(srv.perNetwork), Accounts: map[string]int{}}
	for name, h := range srv.holdings {
		if h.sessions > 0 {
			o.Accounts[name] = h.sessions
		}
	}
	return o
}

// CountElsewhere has sessions of other processes that serve the same users count towards
// the limits from now on, in place of those of the call before. The server keeps o. No
// session ends because there are too many. Any goroutine may call it at any time.
func (srv *Server) CountElsewhere(o Occupancy) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.elsewhere = o
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
}
