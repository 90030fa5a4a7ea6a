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

// Setup is where a server listens and who its clients are: all that a firewall's rules follow from. A Setup is a plain
// value that nothing in this package changes; it may be used concurrently.
//
// An address family is in use when Server or Public has an address of it, or when both are empty, and when there are
// clients of it.
type Setup struct {
	// Name tells these rules from others: comments, tables and rules are named after it. It has up to 30 lower-case
	// letters, digits and hyphens, and starts with a letter. Empty is "sallyport".
	Name string

	// Server holds the addresses that the server's own machine listens on. An unspecified address (0.0.0.0, ::) is
	// every address of its family; empty is every address of the families in use.
	Server []netip.Addr
	// Public holds the addresses that clients connect to, at most one of each family. Empty means the same as
	// Server. Where it differs from Server, a firewall in between translates it.
	Public []netip.Addr
	// PublicName is the DNS name that clients connect to. Packet filters match addresses, so Public is wanted as
	// well unless the address changes; without it the clients' firewall has to let connections to any address out.
	PublicName string

	// Clients are the networks that the server sees connections from. Empty is everybody.
	Clients []netip.Prefix
	// Inside are the networks of the clients as the clients' own firewall sees them, when that firewall hides them
	// behind Clients. Empty means that the firewall does not translate addresses.
	Inside []netip.Prefix

	// Explicit and Implicit are the control ports listened on, for explicit TLS (RFC 4217), and for TLS from the
	// first byte. One of the two may be empty.
	Explicit, Implicit []uint16
	// External maps control ports that a port forwarder shows under another number to that number.
	External map[uint16]uint16
	// Data is the set of data ports listened on, in the form that [passive.Range] reads, such as "21000-21010". The
	// ports that the system chooses ("any") cannot be named by a rule.
	Data string
	// DataOffset is what a port forwarder adds to the data ports, as [passive.Ports.Offset].
	DataOffset int

	// Active adds active mode (PORT and EPRT, RFC 959, section 3.2), where the server connects to the client. Few
	// firewalls in front of clients let that in, and no NAT does.
	Active bool
	// ActiveSource is the port that active data connections come from; 0 is any.
	ActiveSource uint16
}

// From takes what a server is given: its data ports with the address they announce, and the addresses that it is told
// to listen on for explicit and for implicit TLS, such as ":21" or "192.168.1.10:990". Either list may be empty. Where
// [net.Listen] is given ":21", "0.0.0.0:21" or "[::]:21" for "tcp" it listens on every address of both families, so
// Server holds both 0.0.0.0 and ::. Take out of it what a listener of one family ("tcp4") does not have. What the data
// ports cannot tell stays zero: Clients, Inside and External, and Public when the address to announce is a function or
// the one that the client dialled. The error is a [FieldError] for each address that is wrong, joined; [Setup.Validate]
// looks at the rest.
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

// announced takes over what clients outside are told. Of rules that is the last one, for everybody.
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

// parseListen reads an address as net.Listen takes it: no host, 0.0.0.0 and :: each stand for every address of both
// families. (Not so on OpenBSD, where IPv6 sockets take no IPv4; but rules for a family that nobody listens on do no
// harm.)
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

// name returns Name or its default.
func (s Setup) name() string {
	if s.Name == "" {
		return "sallyport"
	}
	return s.Name
}

// target returns what the server is called in sentences.
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

// dialled returns the addresses clients connect to, as far as they are known.
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
