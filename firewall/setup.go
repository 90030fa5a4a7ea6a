package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/passive"
)

// Setup says where a server listens and who its clients are: firewall rules follow from that alone. A Setup is a plain
// value that nothing in this package changes; it may be used concurrently.
//
// An address family is in use if Server or Public has an address of it, or both are empty, and if there are clients of
// it.
type Setup struct {
	// Name tells these rules from others: comments, tables and rules have it in their names. It has at most 30
	// lower-case letters, digits and hyphens, and begins with a letter. Empty is "sallyport".
	Name string

	// Server holds the addresses that the server's machine listens on. An unspecified address (0.0.0.0, ::) is every
	// address of its family; empty is every address of the families in use.
	Server []netip.Addr
	// Public holds the addresses that clients connect to, at most one of each family. Empty means the same as Server.
	// If Public differs from Server, a firewall in between translates the addresses.
	Public []netip.Addr
	// PublicName is the DNS name that clients connect to. Packet filters match addresses, so Public should be set as
	// well, unless the address changes: without Public the clients' firewall has to let connections to any address out.
	PublicName string

	// Clients are the networks that the server sees connections from. Empty is everybody.
	Clients []netip.Prefix
	// Inside are the clients' networks as the clients' own firewall sees them, if that firewall hides them behind
	// Clients. Empty means that it does not translate addresses.
	Inside []netip.Prefix

	// Explicit and Implicit are the control ports listened on, for explicit TLS (RFC 4217) and for TLS from the first
	// byte. One of the two may be empty.
	Explicit, Implicit []uint16
	// External maps a control port to the number that a port forwarder shows it under, if the two differ.
	External map[uint16]uint16
	// Data is the set of data ports listened on, in the form of [passive.Range], such as "21000-21010". It can't be
	// "any", since no rule can name ports that the system chooses.
	Data string
	// DataOffset is what a port forwarder adds to the numbers of data ports, as [passive.Ports.Offset].
	DataOffset int

	// Active adds active mode (PORT and EPRT, RFC 959, section 3.2), in which the server connects to the client. Few
	// firewalls in front of clients let such connections in, and no NAT does.
	Active bool
	// ActiveSource is the source port of active data connections; 0 is any.
	ActiveSource uint16
}

// From returns the Setup of a server: ports are its data ports with the address they announce, and explicit and
// implicit the addresses that it listens on, such as ":21" or "192.168.1.10:990". Either list may be empty.
//
// For ":21", "0.0.0.0:21" and "[::]:21" a [net.Listen] of "tcp" listens on every address of both families, so Server
// has both 0.0.0.0 and ::. Remove one of them for a listener of one family ("tcp4"). What the data ports can't tell
// stays zero: Clients, Inside and External, and Public if the announced address is a function or the address that the
// client dialled.
//
// The error is a [FieldError] for each address that is wrong, joined. [Setup.Validate] checks the rest.
func From(ports *passive.Ports, explicit, implicit []string) (Setup, error) {
	s := Setup{Data: ports.String(), DataOffset: ports.Offset}
	s.announced(ports.Announce)
	var errs []error
	listen := func(field string, addrs []string) (numbers []uint16) {
		for _, text := range addrs {
			hosts, port, err := parseListen(text)
			if err != nil {
				errs = append(errs, &FieldError{[]string{field}, err})
				continue
			}
			s.Server = appendNew(s.Server, hosts...)
			numbers = appendNew(numbers, port)
		}
		return numbers
	}
	s.Explicit = listen("Explicit", explicit)
	s.Implicit = listen("Implicit", implicit)
	return s, errors.Join(errs...)
}

// announced sets Public or PublicName to what an announcer tells clients outside. Of rules only the last one counts, if
// it is for everybody.
func (s *Setup) announced(a passive.Announcer) {
	if rules, ok := a.(passive.Rules); ok {
		a = nil
		if last := len(rules) - 1; last >= 0 && rules[last].Clients == (netip.Prefix{}) {
			a = rules[last].Announce
			s.DataOffset += rules[last].Offset
		}
	}
	text, ok := a.(fmt.Stringer)
	if !ok {
		return
	}
	if addr, err := netip.ParseAddr(text.String()); err == nil {
		s.Public = []netip.Addr{addr}
	} else if name := text.String(); validName(name) == nil {
		s.PublicName = name
	}
}

// parseListen parses an address as net.Listen accepts it: no host, 0.0.0.0 and :: each stand for every address of both
// families. (On OpenBSD IPv6 sockets accept no IPv4, but rules for a family that nobody listens on do no harm.)
func parseListen(text string) ([]netip.Addr, uint16, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return nil, 0, fmt.Errorf("%q is no address to listen on; want one such as :21 or 192.168.1.10:21", text)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return nil, 0, fmt.Errorf("%q: want a port from 1 to 65535, which a rule can name", text)
	}
	addr, err := netip.ParseAddr(host)
	addr = addr.Unmap()
	switch {
	case host == "", addr.IsUnspecified():
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, uint16(number), nil
	case err != nil:
		return nil, 0, fmt.Errorf("%q: want an IP address before the port, or nothing", text)
	}
	return []netip.Addr{addr}, uint16(number), nil
}

func appendNew[T comparable](to []T, values ...T) []T {
next:
	for _, v := range values {
		for _, have := range to {
			if have == v {
				continue next
			}
		}
		to = append(to, v)
	}
	return to
}

// name returns Name, or the default if it is empty.
func (s Setup) name() string {
	if s.Name == "" {
		return "sallyport"
	}
	return s.Name
}

// target returns what sentences call the server.
func (s Setup) target() string {
	var addrs []string
	for _, a := range s.dialled() {
		addrs = append(addrs, a.String())
	}
	switch list := strings.Join(addrs, ", "); {
	case s.PublicName != "" && list != "":
		return s.PublicName + " (" + list + ")"
	case s.PublicName != "":
		return s.PublicName
	case list != "":
		return list
	}
	return "the server"
}

// dialled returns the addresses that clients connect to, as far as they are known.
func (s Setup) dialled() []netip.Addr {
	var known []netip.Addr
	for _, f := range s.families() {
		if f.public.IsValid() {
			known = append(known, f.public)
		} else if !f.translated {
			known = append(known, f.server...)
		}
	}
	return known
}
