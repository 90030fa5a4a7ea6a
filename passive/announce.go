package passive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Announcer decides which address a client is told to connect to. client is where the control connection comes from.
// local is the address that the client dialled ([Request.Dialled]): an address of this host or of a balancer in front
// of this host; local is not valid when unknown. Neither is an IPv4-mapped IPv6 address. Announce is called
// concurrently, once for each PASV.
//
// An Announcer may have two more methods. Validate() error says what is wrong with the Announcer whatever the network
// does; [Ports.Validate] and server.Server.Update call it, so it must not call Update. Check([context.Context]) error
// says what is wrong as the network is now; [Ports.Check] calls it.
type Announcer interface {
	Announce(ctx context.Context, client, local netip.Addr) (netip.Addr, error)
}

// AnnounceFunc is a function used as an [Announcer].
type AnnounceFunc func(ctx context.Context, client, local netip.Addr) (netip.Addr, error)

// Announce calls f.
func (f AnnounceFunc) Announce(ctx context.Context, client, local netip.Addr) (netip.Addr, error) {
	return f(ctx, client, local)
}

type validator interface{ Validate() error }

type checker interface {
	Check(ctx context.Context) error
}

func validate(a Announcer) error {
	if v, ok := a.(validator); ok {
		return v.Validate()
	}
	return nil
}

// Address announces one address: s is an IPv4 or IPv6 address or a DNS name, which is treated as [Name] says. Anything
// else is reported by [Ports.Validate], and by each Announce.
//
// Only 227, the answer to PASV, carries an address, and only IPv4. An IPv4 address would mean nothing to a client that
// came over IPv6 and uses EPSV, nor an IPv6 address the other way round: the address that the client dialled is
// announced then.
func Address(s string) Announcer {
	s = strings.TrimSpace(s)
	if addr, err := netip.ParseAddr(s); err == nil {
		return literal{addr.Unmap()}
	}
	if err := validHost(s); err != nil {
		return invalid{s, err}
	}
	return &Name{Host: s}
}

// literal announces a fixed address.
type literal struct{ addr netip.Addr }

func (a literal) Announce(ctx context.Context, client, local netip.Addr) (netip.Addr, error) {
	if client.IsValid() && client.Unmap().Is4() != a.addr.Is4() {
		return announce(ctx, nil, client, local)
	}
	return a.addr, nil
}

func (a literal) Validate() error {
	if err := announceable(a.addr); err != nil {
		return fmt.Errorf("passive: cannot announce %w", err)
	}
	return nil
}

func (a literal) String() string { return a.addr.String() }

// invalid stands for a text that [Address] can't take, and reports why when it is validated or used.
type invalid struct {
	text string
	err  error
}

func (a invalid) Announce(context.Context, netip.Addr, netip.Addr) (netip.Addr, error) {
	return netip.Addr{}, a.Validate()
}

func (a invalid) Validate() error {
	return fmt.Errorf("passive: cannot announce %q: %w", a.text, a.err)
}

func (a invalid) String() string { return a.text }

// announceable returns why no client can connect to an address, nil if a client can.
func announceable(a netip.Addr) error {
	switch {
	case !a.IsValid():
		return errors.New("an empty address")
	case a.IsUnspecified():
		return fmt.Errorf("%v: it stands for every address of a host, and clients need one; name the address they reach", a)
	case a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%v: it belongs to a group of hosts; name the address clients reach", a)
	case a.Zone() != "":
		return fmt.Errorf("%v: the zone %q means something on this host only", a, a.Zone())
	}
	return nil
}

// validHost accepts the host names of RFC 1123, section 2.1, underscores included because some networks use them.
func validHost(s string) error {
	name := strings.TrimSuffix(s, ".")
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	switch {
	case name == "":
		return errors.New("it is empty; want an IP address or a DNS name")
	case len(name) > 253:
		return errors.New("a DNS name has at most 253 characters")
	case strings.Trim(last, "0123456789") == "":
		return errors.New("it looks like an IP address but is none; want four numbers from 0 to 255")
	}
	if host, _, err := net.SplitHostPort(s); err == nil {
		return fmt.Errorf("the port is not announced here; write %q", host)
	}
	if inner := strings.Trim(s, "[]"); inner != s {
		if _, err := netip.ParseAddr(inner); err == nil {
			return fmt.Errorf("write it without brackets: %s", inner)
		}
	}
	for _, label := range labels {
		if err := validLabel(label); err != nil {
			return err
		}
	}
	return nil
}

func validLabel(label string) error {
	if label == "" || len(label) > 63 {
		return errors.New("the parts of a DNS name between its dots have 1 to 63 characters")
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return fmt.Errorf("the part %q of a DNS name starts or ends with a hyphen", label)
	}
	for _, r := range label {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
		case r > 127:
			return fmt.Errorf("%q is not ASCII; write the DNS name in its xn-- form", r)
		default:
			return fmt.Errorf("%q occurs neither in an IP address nor in a DNS name", r)
		}
	}
	return nil
}
