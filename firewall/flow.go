package firewall

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Side says which firewall is meant.
type Side string

// The firewalls between a client and a server.
const (
	// Server is the machine the server runs on: its packet filter, or the security group of a cloud around it.
	Server Side = "server"
	// Border is the firewall or router in front of the server. Border translates where Setup.Public differs from
	// Setup.Server or external ports differ from the ports listened on.
	Border Side = "border"
	// Client is the firewall in front of the clients; it hides their addresses if Setup.Inside names any. For kinds
	// that protect a single machine it is the client's.
	Client Side = "client"
)

// Sides returns the three sides, from the server to the client.
func Sides() []Side { return []Side{Server, Border, Client} }

func (s Side) what() string {
	return map[Side]string{
		Server: "the machine the server runs on",
		Border: "the firewall in front of the server",
		Client: "the firewall in front of the clients",
	}[s]
}

// Direction is that of the connection's first packet, seen from the network that the firewall protects. Which way
// files go has nothing to do with it.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Purpose is what a connection is for. Rules are commented with it.
type Purpose string

// The connections of FTPS.
const (
	ControlExplicit Purpose = "control explicit" // RFC 4217, section 4
	ControlImplicit Purpose = "control implicit"
	Data            Purpose = "data"        // passive: RFC 959, section 4.1.2, and RFC 2428, section 3
	DataActive      Purpose = "data active" // RFC 959, section 3.2
)

// Range is a run of ports, both ends included.
type Range struct{ First, Last uint16 }

// String returns 21 or 21000-21010.
func (r Range) String() string { return r.with("-") }

func (r Range) with(sep string) string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return strconv.Itoa(int(r.First)) + sep + strconv.Itoa(int(r.Last))
}

func (r Range) size() int { return int(r.Last) - int(r.First) + 1 }

// ReturnTraffic is what a firewall must let through besides the first packets of the flows.
const ReturnTraffic = "Packets that belong to these connections must pass in both directions, and so must the ICMP errors about them, " +
	"which path MTU discovery needs (RFC 1191, RFC 8201): a stateful firewall calls both established and related."

// Flow is a kind of connection that one firewall must let through. It is always TCP and always stateful; see
// [ReturnTraffic].
type Flow struct {
	Side      Side
	Direction Direction
	Purpose   Purpose
	IPv6      bool
	// From is where the connection comes from; empty is any address of the family.
	From []netip.Prefix
	// FromPorts is empty for any: clients let their system choose one, mostly above 1023.
	FromPorts []Range
	// To is where the connection goes, before translation; empty is any address of the family or, if NAT translates
	// it, the firewall's own.
	To []netip.Prefix
	// Ports is where the connection goes, before translation: ascending, with as few ranges as possible.
	Ports []Range
	// NAT is what the firewall changes; nil is nothing.
	NAT *NAT
}

// NAT is the translation of the first packet of a flow; what it does to the replies follows from it.
type NAT struct {
	// To is the address that Flow.To becomes. The zero Addr is no change.
	To netip.Addr
	// Ports is what Flow.Ports become, range by range. Nil is no change.
	Ports []Range
	// From is the address that Flow.From becomes. The zero Addr is no change, or the firewall's own outer address if
	// Masquerade is set.
	From       netip.Addr
	Masquerade bool
}

// Why says in one sentence what the flow is for.
func (f Flow) Why() string {
	switch f.Purpose {
	case ControlExplicit:
		return "Control connections: commands and logins, protected by TLS once the client sends AUTH TLS (RFC 4217)."
	case ControlImplicit:
		return "Control connections: commands and logins, within TLS from the first byte (implicit FTPS)."
	case Data:
		return "Data connections: files and directory listings, opened by the client for each of them (passive mode)."
	}
	return "Data connections of active mode, opened by the server towards a port that the client has named."
}

// String returns the flow in one line, such as
// "inbound TCP from 198.51.100.0/24 to 203.0.113.7 port 21 (control explicit)".
func (f Flow) String() string {
	var b strings.Builder
	from, to := "anyone", "any address of the server"
	if f.Purpose == DataActive {
		from, to = to, "anyone"
	}
	fmt.Fprintf(&b, "%s TCP from %s", f.Direction, addrText(f.From, from))
	if len(f.FromPorts) > 0 {
		b.WriteString(" " + portText(f.FromPorts))
	}
	fmt.Fprintf(&b, " to %s %s", addrText(f.To, to), portText(f.Ports))
	if n := f.NAT; n != nil && n.To.IsValid() {
		fmt.Fprintf(&b, ", translated to %v %s", n.To, portText(f.innerPorts()))
	}
	if n := f.NAT; n != nil && (n.From.IsValid() || n.Masquerade) {
		b.WriteString(", source translated")
		if n.From.IsValid() {
			fmt.Fprintf(&b, " to %v", n.From)
		}
	}
	fmt.Fprintf(&b, " (%s", f.Purpose)
	if len(f.From)+len(f.To) == 0 {
		b.WriteString(", " + familyName(f.IPv6))
	}
	return b.String() + ")"
}

// innerPorts and innerTo are where the flow goes behind the firewall.
func (f Flow) innerPorts() []Range {
	if f.NAT != nil && f.NAT.Ports != nil {
		return f.NAT.Ports
	}
	return f.Ports
}

func (f Flow) innerTo() []netip.Prefix {
	if f.NAT != nil && f.NAT.To.IsValid() {
		return hosts(f.NAT.To)
	}
	return f.To
}

// hosts returns the networks that hold one address each.
func hosts(addrs ...netip.Addr) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range addrs {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// short returns an address without the length of a network of one.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func shorts(prefixes []netip.Prefix) []string {
	var all []string
	for _, p := range prefixes {
		all = append(all, short(p))
	}
	return all
}

// network is for firewalls that must be told what any address is.
func (f Flow) network(prefixes []netip.Prefix) []netip.Prefix {
	switch {
	case len(prefixes) > 0:
		return prefixes
	case f.IPv6:
		return []netip.Prefix{netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	}
	return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
}

func addrText(prefixes []netip.Prefix, none string) string {
	if len(prefixes) == 0 {
		return none
	}
	return strings.Join(shorts(prefixes), ", ")
}

func portText(ports []Range) string {
	word := "port "
	if len(ports) > 1 || ports[0].size() > 1 {
		word = "ports "
	}
	return word + joinRanges(ports, "-", ", ")
}

func joinRanges(ports []Range, dash, comma string) string {
	var all []string
	for _, r := range ports {
		all = append(all, r.with(dash))
	}
	return strings.Join(all, comma)
}
