package firewall

import (
	"net/netip"
	"slices"
)

// unprivileged are the ports that a client may name in active mode: the server refuses others (RFC 2577, section 3).
var unprivileged = Range{1024, 65535}

// Flows returns what a firewall must let through, IPv4 first, then control before data. It returns the error of
// [Setup.Validate], or a [FieldError] that says what is missing to describe that firewall.
//
// For a firewall on the server's machine Flows also returns the outbound flow of active mode, although such a
// firewall lets all connections out unless told otherwise.
func (s Setup) Flows(side Side) ([]Flow, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if !slices.Contains(Sides(), side) {
		return nil, wrong("Side", "%q: want one of %v", string(side), Sides())
	}
	var flows []Flow
	services := s.services()
	for _, f := range s.families() {
		if side == Border && f.translated && len(f.server) == 0 {
			return nil, wrong("Server", "the border needs the server's own %s address, to translate to", familyName(f.v6))
		}
		for _, service := range services {
			flows = append(flows, f.passive(side, service))
		}
		if s.Active {
			flows = append(flows, s.active(side, f)...)
		}
	}
	return flows, nil
}

// passive returns the flow of a service that clients connect to: control connections, or data connections in passive
// mode.
func (f family) passive(side Side, s service) Flow {
	flow := Flow{Side: side, Direction: Inbound, Purpose: s.purpose, IPv6: f.v6, From: f.clients, To: f.outside(), Ports: s.outer}
	switch side {
	case Server:
		flow.To, flow.Ports = hosts(f.server...), s.inner
	case Border:
		flow.NAT = f.destination(s)
	case Client:
		flow.Direction = Outbound
		if len(f.inside) > 0 {
			flow.From, flow.NAT = f.inside, &NAT{Masquerade: true}
		}
	}
	return flow
}

// destination returns the translation in front of the server, nil for none. It changes only ports if clients dial an
// address of the server itself.
func (f family) destination(s service) *NAT {
	shifted := !slices.Equal(s.outer, s.inner)
	if !f.translated || !shifted && !f.hidden && (!f.public.IsValid() || slices.Contains(f.server, f.public)) {
		return nil
	}
	n := &NAT{To: f.server[0]}
	if shifted {
		n.Ports = s.inner
	}
	return n
}

// active returns the flow of connections that the server opens. It returns none for a client's firewall that hides
// the clients, since that firewall can't know which client a connection is for.
func (s Setup) active(side Side, f family) []Flow {
	flow := Flow{Side: side, Direction: Outbound, Purpose: DataActive, IPv6: f.v6, From: hosts(f.server...), To: f.clients,
		Ports: []Range{unprivileged}}
	if s.ActiveSource != 0 {
		flow.FromPorts = []Range{{s.ActiveSource, s.ActiveSource}}
	}
	switch {
	case side == Border && (f.hidden || f.public.IsValid() && f.translated && f.public != f.server[0]):
		flow.NAT = &NAT{From: f.public, Masquerade: !f.public.IsValid()}
	case side == Client && len(f.inside) > 0:
		return nil
	case side == Client:
		flow.Direction, flow.From = Inbound, f.outside()
	}
	return []Flow{flow}
}

// outside returns the addresses that clients dial; empty if they are unknown or may be any.
func (f family) outside() []netip.Prefix {
	switch {
	case f.public.IsValid():
		return hosts(f.public)
	case f.hidden:
		return nil
	}
	return hosts(f.server...)
}
