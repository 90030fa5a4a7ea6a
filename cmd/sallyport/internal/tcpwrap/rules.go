package tcpwrap

import "net/netip"

// Rules are the rules of both files for one daemon. The zero value allows all. The fields are exported so that rules
// can be passed to another process.
type Rules struct {
	All []Rule // those of hosts.allow, then those of hosts.deny
}

// Rule says whether some clients may connect.
type Rule struct {
	At      string // file:line
	Clients List
	Allow   bool
}

// List is a list of clients.
type List struct {
	Any      bool           // all clients
	Networks []netip.Prefix // those of these networks
	Except   *List          // but for these; nil for none
}

// Refuses returns the place of the rule that keeps a client out; empty if the client may connect. The first rule that
// has the client counts, and a client whom no rule has may connect.
func (r *Rules) Refuses(client netip.Addr) (at string) {
	if r == nil {
		return ""
	}
	client = client.Unmap().WithZone("")
	for _, rule := range r.All {
		if rule.Clients.has(client) {
			if rule.Allow {
				return ""
			}
			return rule.At
		}
	}
	return ""
}

// has reports whether a list has a client.
func (l *List) has(client netip.Addr) bool {
	in := l.Any
	for _, n := range l.Networks {
		in = in || n.Contains(client)
	}
	return in && (l.Except == nil || !l.Except.has(client))
}
