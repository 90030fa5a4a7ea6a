package firewall

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Side is the place of a firewall between a client and a server.
type Side string

// The firewalls between a client and a server.
const (
	// Server is on the machine that the server runs on: its packet filter, or the security group of a cloud around
	// it.
	Server Side = "server"
	// Border is the firewall or router in front of the server. It translates addresses if Setup.Public differs from
	// Setup.Server, and ports if external ports differ from the ports listened on.
	Border Side = "border"
	// Client is the firewall in front of the clients. It hides their addresses if Setup.Inside names any. For kinds
	// that protect a single machine, Client is the client's machine.
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

// Direction is the direction of a connection's first packet, seen from the network that the firewall protects. It
// has nothing to do with the direction of files.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Purpose is what a connection is for. The comments of rules name it.
type Purpose string

// The connections of FTPS.
const (
	ControlExplicit Purpose = "control explicit" // RFC 4217, section 4
	ControlImplicit Purpose = "control implicit"
	Data            Purpose = "data"        // passive: RFC 959, section 4.1.2, and RFC 2428, section 3
	DataActive      Purpose = "data active" // RFC 959, section 3.2
)

// Range is a range of ports that includes both ends.
type Range struct{ First, Last uint16 }

// String returns the range as 21 or 21000-21010.
func (r Range) String() string { return r.with("-") }

func (r Range) with(sep string) string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return strconv.Itoa(int(r.First)) + sep + strconv.Itoa(int(r.Last))
}

func (r Range) size() int { return int(r.Last) - int(r.First) + 1 }

// ReturnTraffic says what a firewall must let through besides the first packets of the flows.
const ReturnTraffic = "Packets that belong to these connections must pass in both directions, and so must the ICMP errors about them, " +
	"which path MTU discovery needs (RFC 1191, RFC 8201): a stateful firewall calls both established and related."

// Flow is a kind of connection that one firewall must let through. It is always TCP, and is meant for a stateful
// firewall; see [ReturnTraffic].
type Flow struct {
	Side      Side
	Direction Direction
	Purpose   Purpose
	IPv6      bool
	// From holds the networks that connections come from; empty is any address of the family.
	From []netip.Prefix
	// FromPorts holds the source ports. Empty is any: clients let their system choose a port, mostly above 1023.
	FromPorts []Range
	// To holds the networks that connections go to, before translation. Empty is any address of the family or, if
	// NAT translates it, any address of the firewall itself.
	To []netip.Prefix
	// Ports holds the ports that connections go to, before translation: ascending, in as few ranges as possible.
	Ports []Range
	// NAT is the translation by the firewall; nil is none.
	NAT *NAT
}

// NAT is the translation of the first packet of a flow. The translation of replies follows from it.
type NAT struct {
	// To is the address that Flow.To becomes; the zero Addr leaves it as it is.
	To netip.Addr
	// Ports holds what Flow.Ports become, range by range; nil leaves them as they are.
	Ports []Range
	// From is the address that Flow.From becomes. The zero Addr leaves it as it is or, if Masquerade is set, stands
	// for the firewall's own outer address.
	From       netip.Addr
	Masquerade bool
}

// Why returns a sentence that says what the flow is for.
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

// String returns the flow in one line, such as "inbound TCP from 198.51.100.0/24 to 203.0.113.7 port 21 (control
// explicit)".
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

// innerPorts and innerTo return the ports and addresses of the flow behind the firewall.
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

// hosts returns for each address the network that has only that address.
func hosts(addrs ...netip.Addr) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range addrs {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// short returns a network as text, without the length if it has only one address.
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

// network returns prefixes or, if they are empty, the network of the whole family: some firewalls need it spelt out.
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
